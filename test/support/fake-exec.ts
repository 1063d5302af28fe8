/** The node's end of a command: programs as functions, over SPDY, told from each other by their streams. */

import type { Conn } from "#base/conn.ts";
import type { SessionEvent } from "#mux/events.ts";
import { SpdySession } from "#mux/session.ts";
import type { ExecCommand } from "#wire/exec.ts";

/** A command as its program sees it. */
export interface FakeProcess {
  readonly container: string | undefined;
  command: readonly string[];
  /** To stdout. */
  write(text: string | Uint8Array): void;
  complain(text: string): void;
  /** Closes stdout, and goes on. */
  endOutput(): void;
  exit(code: number): void;
  /** It does not run; the node's words. */
  fail(text: string): void;
  onInput: (bytes: Uint8Array) => void;
  onInputEnd: () => void;
  /** The client that started it has gone. */
  onGone: () => void;
}

export type FakeProgram = (process: FakeProcess) => void;

/** What containerd says about a program that the image does not have. */
export const missing: FakeProgram = ({ command, fail }) =>
  fail(
    `Internal error occurred: error executing command in container: failed to start exec "a": OCI runtime exec failed: exec failed: unable to start container process: exec: "${command[0]}": executable file not found in $PATH: unknown`,
  );

/** What a TCP server does with a connection that a program makes to it: the process is joined to it. */
export type FakeTarget = (process: FakeProcess) => void;

/** A target that sends everything back, and ends when the client does. */
export const echoTarget: FakeTarget = (process) => {
  process.onInput = (bytes) => process.write(bytes);
  process.onInputEnd = () => process.exit(0);
};

/** A program that says its version, and otherwise connects. */
export const socatTo =
  (target: FakeTarget): FakeProgram =>
  (process) => {
    if (process.command[1] !== "-V") return target(process);
    process.write("socat version 1.7.4.4\n");
    process.exit(0);
  };

/** BusyBox's nc, of the small kind. */
export const ncTo =
  (target: FakeTarget): FakeProgram =>
  (process) => {
    if (process.command[1] !== "-h") return target(process);
    process.complain("BusyBox v1.35.0 multi-call binary.\n\nUsage: nc [-iN] [-wN] [-l] [-p PORT]\n\t-w SEC\tConnect timeout\n");
    process.exit(1);
  };

/** A shell that knows kt's two scripts. `programs` is what else the image has; `killed` notes the process ids that it ended. */
export function fakeShell(programs: Readonly<Record<string, FakeProgram>>, killed: string[] = []): FakeProgram {
  let nextId = 100;
  const running = new Map<string, FakeProcess>();
  return (process) => {
    const [, , script, , ...rest] = process.command;
    if (script === 'kill "$1"') {
      killed.push(rest[0] ?? "");
      running.get(rest[0] ?? "")?.exit(143);
      process.exit(0);
      return;
    }
    const id = String(nextId++);
    running.set(id, process);
    process.complain(`${id}\n`);
    process.onInputEnd = () => process.exit(1);
    process.onInput = (bytes) => {
      const after = bytes.indexOf(10) + 1;
      if (script !== 'echo $$ >&2; read -r _ && exec "$@"' || after === 0) return process.exit(2);
      process.command = rest;
      process.onInput = () => {};
      process.onInputEnd = () => {};
      const program = programs[rest[0] ?? ""];
      if (!program) {
        process.complain(`kt: exec: line 1: ${rest[0]}: not found\n`);
        return process.exit(127);
      }
      program(process);
      if (after < bytes.length) process.onInput(bytes.subarray(after));
    };
  };
}

const encoder = new TextEncoder();

/** Serves one session; the program begins when all four streams are open. */
export function serveExec(conn: Pick<Conn, "start" | "write" | "end">, command: ExecCommand, program: FakeProgram): void {
  const mux = new SpdySession({ role: "server" });
  const streams = new Map<string, number>();
  let process: FakeProcess | undefined;
  let isOver = false;
  const flush = (): void => {
    for (const chunk of mux.take()) conn.write(chunk);
  };
  const send = (stream: string, text: string | Uint8Array): void => {
    mux.write(streams.get(stream) as number, typeof text === "string" ? encoder.encode(text) : text);
    flush();
  };
  const end = (status: object): void => {
    if (isOver) return;
    isOver = true;
    for (const stream of ["stdout", "stderr"]) mux.end(streams.get(stream) as number);
    send("error", JSON.stringify({ kind: "Status", ...status }));
    conn.end();
  };
  const begin = (): FakeProcess => ({
    ...command,
    write: (text) => send("stdout", text),
    complain: (text) => send("stderr", text),
    endOutput: () => {
      mux.end(streams.get("stdout") as number);
      flush();
    },
    exit: (code) =>
      end(
        code === 0
          ? { status: "Success" }
          : { status: "Failure", reason: "NonZeroExitCode", details: { causes: [{ reason: "ExitCode", message: String(code) }] } },
      ),
    fail: (text) => end({ status: "Failure", reason: "InternalError", message: text, code: 500 }),
    onInput() {},
    onInputEnd() {},
    onGone() {},
  });
  const on = (event: SessionEvent): void => {
    if (event.type === "opened") {
      mux.reply(event.stream);
      streams.set(event.headers.get("streamtype") ?? "", event.stream);
      if (streams.size < 4) return;
      process = begin();
      program(process);
    } else if (event.type === "data" && event.stream === streams.get("stdin")) {
      if (event.bytes.length > 0) process?.onInput(new Uint8Array(event.bytes));
      if (event.fin) process?.onInputEnd();
    }
  };
  conn.start({
    onData: (bytes) => {
      mux.receive(bytes, on);
      flush();
    },
    onEnd: () => conn.end(),
    onDrain() {},
    onClose: () => process?.onGone(),
  });
}
