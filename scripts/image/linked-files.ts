/** Finds the C library's files that a Linux program asks for, by its ELF header: also those of another architecture. */

import { existsSync, realpathSync } from "node:fs";
import { basename } from "node:path";
import { file } from "bun";

/** As images call them, by the machine's number in ELF. */
const architectures = { 62: "amd64", 183: "arm64" } as const;
export type Architecture = (typeof architectures)[keyof typeof architectures];

/** What Debian, and GNU, call them. */
const triplets = { amd64: "x86_64-linux-gnu", arm64: "aarch64-linux-gnu" } as const;

export interface LinkedFile {
  /** In the image, without a leading slash. */
  readonly path: string;
  /** Where it lies here. */
  readonly from: string;
}

interface Program {
  readonly architecture: Architecture | undefined;
  /** Undefined for a program that is linked statically. */
  readonly interpreter: string | undefined;
  readonly needed: readonly string[];
}

/** The header and dynamic section of a 64-bit little-endian ELF file. */
export function readElf(bytes: Uint8Array): Program {
  const view = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (view.length < 64 || view.toString("latin1", 0, 4) !== "\u007fELF") throw new Error("not a program of Linux (ELF)");
  const number = (at: number): number => Number(view.readBigUInt64LE(at));
  const machine = view.readUInt16LE(18);
  const segments = Array.from({ length: view.readUInt16LE(56) }, (_, index) => {
    const at = number(32) + index * view.readUInt16LE(54);
    return { type: view.readUInt32LE(at), offset: number(at + 8), address: number(at + 16), size: number(at + 32) };
  });
  const text = (at: number): string => view.toString("latin1", at, view.indexOf(0, at));
  const interpreter = segments.find(({ type }) => type === 3);
  const dynamic = segments.find(({ type }) => type === 2);
  const entries: [tag: number, value: number][] = [];
  for (let at = dynamic?.offset ?? 0; dynamic && at < dynamic.offset + dynamic.size; at += 16) entries.push([number(at), number(at + 8)]);
  const namesAddress = entries.find(([tag]) => tag === 5)?.[1] ?? 0;
  const loaded = segments.find(({ type, address, size }) => type === 1 && namesAddress >= address && namesAddress < address + size);
  const names = namesAddress - (loaded?.address ?? 0) + (loaded?.offset ?? 0);
  return {
    architecture: (architectures as Record<number, Architecture>)[machine],
    interpreter: interpreter && text(interpreter.offset),
    needed: entries.filter(([tag]) => tag === 1).map(([, value]) => text(names + value)),
  };
}

/**
 * The loader and the libraries of a program, and theirs. `sysroot` is where the files of its architecture lie; by default this machine,
 * with what its packages of C libraries for other architectures install.
 */
export async function linkedFiles(program: Uint8Array, sysroot = ""): Promise<LinkedFile[]> {
  const { architecture, interpreter, needed } = readElf(program);
  if (interpreter === undefined || architecture === undefined) return [];
  const found = new Map<string, LinkedFile>();
  const wanted = [interpreter, ...needed];
  for (let name = wanted.shift(); name !== undefined; name = wanted.shift()) {
    if (found.has(basename(name))) continue;
    const { linked, bytes } = await find(name, architecture, sysroot);
    found.set(basename(name), linked);
    wanted.push(...readElf(bytes).needed);
  }
  return [...found.values()];
}

/** `name` is a library's, or the loader's path. */
async function find(name: string, architecture: Architecture, sysroot: string): Promise<{ linked: LinkedFile; bytes: Uint8Array }> {
  const triplet = triplets[architecture];
  const usual = [`/lib/${triplet}`, `/usr/lib/${triplet}`, "/lib64", "/usr/lib64", "/lib", "/usr/lib"];
  const cross = `/usr/${triplet}/lib`;
  for (const folder of [...usual, cross]) {
    const from = `${sysroot}${folder}/${basename(name)}`;
    if (!existsSync(from)) continue;
    const bytes = await file(from).bytes();
    if (readElf(bytes).architecture !== architecture) continue;
    // The loader is looked for where the program says, the libraries where the loader looks: not where they are kept for others.
    const path = name.startsWith("/") ? name : `${folder === cross ? "/lib" : folder}/${name}`;
    return { linked: { path: path.slice(1), from: realpathSync(from) }, bytes };
  }
  const where = sysroot === "" ? "on this machine" : `in ${sysroot}`;
  throw new Error(
    `there is no ${basename(name)} for linux/${architecture} ${where}: install libc6-${architecture}-cross, or --sysroot=FOLDER`,
  );
}
