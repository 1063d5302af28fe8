/** Writes a tar archive (POSIX ustar) that is the same for the same contents: no times, no users. */

import { concatBytes } from "#base/bytes.ts";

export interface TarEntry {
  /** Without a leading slash. */
  readonly path: string;
  readonly mode: number;
  /** Absent for a directory. */
  readonly bytes?: Uint8Array;
}

const blockBytes = 512;
const encoder = new TextEncoder();

/** The archive, with the two empty blocks at its end. Paths of at most 100 bytes. */
export function tar(entries: readonly TarEntry[]): Uint8Array {
  const blocks = entries.flatMap((entry) => [header(entry), padded(entry.bytes ?? new Uint8Array(0))]);
  return concatBytes([...blocks, new Uint8Array(2 * blockBytes)]);
}

function header({ path, mode, bytes }: TarEntry): Uint8Array {
  const block = new Uint8Array(blockBytes);
  const put = (at: number, text: string): void => block.set(encoder.encode(text), at);
  const octal = (at: number, width: number, value: number): void => put(at, value.toString(8).padStart(width - 1, "0"));
  const name = encoder.encode(path);
  if (name.length > 100) throw new Error(`the path is too long for a tar archive: ${path}`);
  block.set(name, 0);
  octal(100, 8, mode);
  octal(108, 8, 0);
  octal(116, 8, 0);
  octal(124, 12, bytes?.length ?? 0);
  octal(136, 12, 0);
  put(156, bytes ? "0" : "5");
  put(257, "ustar\u000000");
  // The checksum is that of the header with spaces in its place.
  put(148, " ".repeat(8));
  const sum = block.reduce((total, byte) => total + byte, 0);
  put(148, `${sum.toString(8).padStart(6, "0")}\u0000 `);
  return block;
}

function padded(bytes: Uint8Array): Uint8Array {
  const whole = new Uint8Array(Math.ceil(bytes.length / blockBytes) * blockBytes);
  whole.set(bytes);
  return whole;
}
