/** What a file held and shall hold, written down while it is overwritten, so that a killed writer can be told from one that has ended. */

import { closeSync, fsyncSync, ftruncateSync, openSync, readFileSync, renameSync, writeSync } from "node:fs";

export interface FileChange {
  readonly before: Uint8Array;
  readonly after: Uint8Array;
}

/** Where a file is until it is renamed into its place. */
export const besideOf = (path: string): string => `${path}.kt-new`;

/** The length of `before` in bytes, and both. Renamed into its place: it is whole, or not there. */
export function writeJournal(path: string, { before, after }: FileChange): void {
  const fresh = besideOf(path);
  const file = openSync(fresh, "w", 0o600);
  try {
    writeWhole(file, Buffer.concat([Buffer.from(`${before.length}\n`), before, after]));
  } finally {
    closeSync(file);
  }
  renameSync(fresh, path);
}

/** Undefined where it is not one of ours. */
export function readJournal(path: string): FileChange | undefined {
  const bytes = readFileSync(path);
  const [line = "", length] = /^(\d{1,10})\n/.exec(bytes.subarray(0, 11).toString("latin1")) ?? [];
  if (length === undefined) return undefined;
  const end = line.length + Number(length);
  return { before: bytes.subarray(line.length, end), after: bytes.subarray(end) };
}

/** Whether a file is as a writer leaves it that was killed: its beginning is of the new text, all that follows is of the old one. */
export function isHalfWritten(now: Uint8Array, { before, after }: FileChange): boolean {
  let written = 0;
  while (written < now.length && now[written] === after[written]) written += 1;
  const isWhole = written === now.length && written === after.length;
  return !isWhole && Buffer.from(now.subarray(written)).equals(before.subarray(written));
}

/** Throws where the disk is full. */
export function writeWhole(file: number, text: Uint8Array): void {
  for (let at = 0; at < text.length; ) at += writeSync(file, text, at, text.length - at, at);
  ftruncateSync(file, text.length);
  fsyncSync(file);
}
