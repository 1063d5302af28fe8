/** Starts a program that sees other files at some paths, and other ports, without root and without a change to the machine (Linux). */

import { cc, ptr } from "bun:ffi";
import { closeSync, writeSync } from "node:fs";
import { which } from "bun";
import { cLibrary } from "./c-library.ts";
import { errorName } from "./error-name.ts";
import filesSource from "./own-files.c" with { type: "text" };
import portsSource from "./own-ports.c" with { type: "text" };

export interface OwnFile {
  readonly source: string;
  /** Where the program sees it; exists. */
  readonly target: string;
}

export interface OwnFilesCommand {
  readonly command: readonly string[];
  readonly environment: Readonly<Record<string, string>>;
  readonly files: readonly OwnFile[];
  /** The user's own: the compiler keeps its files there. In memory it is faster than where temporary files usually are. */
  readonly directory: string;
  /** A file of records as `movedPorts` makes them, which is read at each connection; undefined where every port is what it is. */
  readonly ports?: number | undefined;
}

export interface MovedPort {
  /** IPv4, of loopback. */
  readonly address: string;
  /** What the program asks for, by TCP. */
  readonly port: number;
  readonly localPort: number;
}

export interface RunningProgram {
  /** Its exit code; 128 and its number where a signal ended it. */
  readonly exited: Promise<number>;
  kill(signal: NodeJS.Signals): void;
}

/** `no-files`: the system does not let this user have files of a program's own. Codes are those of the system: "EPERM". */
export type Started =
  | { readonly kind: "running"; readonly program: RunningProgram /** Why ports are what they are after all. */; readonly unmoved?: string }
  | { readonly kind: "no-files" | "no-program"; readonly code: string };

const cloneFlags = { mounts: 0x0002_0000, users: 0x1000_0000 } as const;
const steps = { ports: 4, program: 5 } as const;
const noTable = -1;
/** In place of own-ports.c, which would take half a millisecond to compile. */
const noPorts = "static int move_ports(int table, int report) { return 0; }\n";

const functions = {
  start: { args: ["i32", "ptr", "ptr", "i32", "ptr", "ptr", "ptr"], returns: "i32" },
  ended: { args: ["i32"], returns: "i32" },
} as const;

type Native = ReturnType<typeof compile>;

const cText = (text: string): Buffer => Buffer.from(`${text}\0`);

/** The compiler reads from a path: the file is one in memory. It writes a dozen headers of its own to the place for temporary files. */
function compile(source: string, directory: string) {
  const system = cLibrary({
    memfd_create: { args: ["ptr", "u32"], returns: "i32" },
    setenv: { args: ["ptr", "ptr", "i32"], returns: "i32" },
    unsetenv: { args: ["ptr"], returns: "i32" },
  });
  const variable = cText("TMPDIR");
  const before = process.env["TMPDIR"];
  const file = system.memfd_create(ptr(cText("kt")), 1);
  try {
    writeSync(file, source);
    // The compiler looks there, and not into this program's own copy of the environment.
    system.setenv(ptr(variable), ptr(cText(directory)), 1);
    return cc({ source: `/proc/self/fd/${file}`, symbols: functions }).symbols;
  } finally {
    if (before === undefined) system.unsetenv(ptr(variable));
    else system.setenv(ptr(variable), ptr(cText(before)), 1);
    closeSync(file);
  }
}

export function startWithFiles(wanted: OwnFilesCommand): Started {
  if (process.platform !== "linux") return { kind: "no-files", code: "ENOSYS" };
  const native = compiled(wanted.ports === undefined ? noPorts + filesSource : portsSource + filesSource, wanted.directory);
  if (native === undefined) return { kind: "no-files", code: "ENOSYS" };
  const [name = ""] = wanted.command;
  const program = name.includes("/") ? name : which(name, { PATH: wanted.environment["PATH"] ?? "" });
  if (program === null) return { kind: "no-program", code: "ENOENT" };
  return start(native, program, wanted);
}

/** Undefined where code may not be made at run time. */
function compiled(source: string, directory: string): Native | undefined {
  try {
    return compile(source, directory);
  } catch {
    return undefined;
  }
}

function start(native: Native, program: string, wanted: OwnFilesCommand): Started {
  const { command, environment, files, ports } = wanted;
  const isRoot = process.geteuid?.() === 0;
  const ids = new CStrings(isRoot ? [] : ownIds(process.geteuid?.() ?? 0, process.getegid?.() ?? 0));
  const mounts = new CStrings(files.flatMap(({ source: from, target }) => [from, target]));
  const words = new CStrings([program, ...command]);
  const variables = new CStrings(Object.entries(environment).map(([name, value]) => `${name}=${value}`));
  const problem = new Int32Array(2);
  // Root may have mounts of its own as it is, and keeps all that it may do.
  const flags = isRoot ? cloneFlags.mounts : cloneFlags.mounts | cloneFlags.users;
  const pid = native.start(flags, ids.pointer, mounts.pointer, ports ?? noTable, words.pointer, variables.pointer, ptr(problem));
  if (pid > 0) return { kind: "running", program: new Child(native, pid) };
  const [step, errno = 0] = problem;
  const code = errorName(errno);
  if (step !== steps.ports) return { kind: step === steps.program ? "no-program" : "no-files", code };
  const started = start(native, program, { ...wanted, ports: undefined });
  return started.kind === "running" ? { ...started, unmoved: code } : started;
}

/** One user and one group, each mapped to itself; who maps a group must first give up setgroups (user_namespaces(7)). */
function ownIds(uid: number, gid: number): string[] {
  return ["/proc/self/setgroups", "deny", "/proc/self/uid_map", `${uid} ${uid} 1`, "/proc/self/gid_map", `${gid} ${gid} 1`];
}

/** A record for each: address, port, local port, in the order of the network. */
export function movedPorts(moved: readonly MovedPort[]): Uint8Array {
  const bytes = Buffer.alloc(moved.length * 8);
  for (const [index, { address, port, localPort }] of moved.entries()) {
    bytes.set(address.split(".").map(Number), index * 8);
    bytes.writeUInt16BE(port, index * 8 + 4);
    bytes.writeUInt16BE(localPort, index * 8 + 6);
  }
  return bytes;
}

/** A list of strings as C has it: pointers, with 0 at the end. Lives as long as this object. */
class CStrings {
  readonly #texts: readonly Buffer[];
  readonly #list: BigUint64Array;

  constructor(texts: readonly string[]) {
    this.#texts = texts.map(cText);
    this.#list = BigUint64Array.from([...this.#texts.map((text) => BigInt(ptr(text))), 0n]);
  }

  get pointer() {
    return ptr(this.#list);
  }
}

/** A child that Bun knows nothing of: the system says when one ends, and this one is asked whether it was it. */
class Child implements RunningProgram {
  readonly #pid: number;
  readonly exited: Promise<number>;

  constructor(native: Native, pid: number) {
    this.#pid = pid;
    const { promise, resolve } = Promise.withResolvers<number>();
    this.exited = promise;
    const look = (): void => {
      const code = native.ended(pid);
      if (code < 0) return;
      process.off("SIGCHLD", look);
      resolve(code);
    };
    process.on("SIGCHLD", look);
    // It may have ended before anything listened.
    look();
  }

  kill(signal: NodeJS.Signals): void {
    process.kill(this.#pid, signal);
  }
}
