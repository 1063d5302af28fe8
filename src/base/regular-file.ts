/** Reads files that strangers may have named: regular ones of bounded size, and nothing that waits for a writer. */

import { closeSync, constants, fstatSync, openSync, readSync, type Stats, statSync } from "node:fs";
import type { ErrorCode } from "./error-facts.ts";
import { KtError } from "./errors.ts";

export interface RegularFile {
  readonly bytes: Uint8Array;
  /** Who owns it. */
  readonly uid: number;
  /** Who may do what with it, as the system has it. */
  readonly mode: number;
}

export interface RegularFileOptions {
  readonly mostBytes: number;
  /** Of the error for what is refused. */
  readonly code: ErrorCode;
}

/**
 * Throws the system's own error where there is none or it may not be read, and KtError for a pipe, a device, a directory, and what is
 * too large. Files of /proc and their like say that they are empty: what comes counts.
 */
export function readRegularFile(path: string, { mostBytes, code }: RegularFileOptions): RegularFile {
  // Opening alone does something to some devices.
  refuseOther(statSync(path), code);
  const descriptor = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  try {
    const stat = fstatSync(descriptor);
    refuseOther(stat, code);
    const bytes = stat.size > mostBytes ? undefined : readUpTo(descriptor, mostBytes, stat.size);
    if (bytes === undefined) throw new KtError(code, `it is larger than ${mostBytes / 1024 / 1024} MiB`);
    return { bytes, uid: stat.uid, mode: stat.mode };
  } finally {
    closeSync(descriptor);
  }
}

function refuseOther(stat: Stats, code: ErrorCode): void {
  if (!stat.isFile()) throw new KtError(code, `it is ${kindOf(stat)}, not a regular file`);
}

function kindOf(stat: Stats): string {
  if (stat.isDirectory()) return "a directory";
  if (stat.isFIFO()) return "a pipe";
  return stat.isSocket() ? "a socket" : "a device";
}

/** Undefined where there is more. */
function readUpTo(descriptor: number, mostBytes: number, expectedBytes: number): Uint8Array | undefined {
  const chunks: Uint8Array[] = [];
  for (let total = 0; total <= mostBytes; ) {
    // One byte more than is left, so that the end is seen.
    const chunk = new Uint8Array(Math.max(4096, expectedBytes - total + 1));
    const count = readSync(descriptor, chunk);
    if (count === 0) return Buffer.concat(chunks);
    total += count;
    chunks.push(chunk.subarray(0, count));
  }
  return undefined;
}
