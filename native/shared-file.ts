/** A file that another program reads while it changes, and that is gone with the last of them. */

import { closeSync, ftruncateSync, openSync, readdirSync, rmSync, writeSync } from "node:fs";
import { systemCode } from "#base/system-error.ts";

const mode = 0o644;

/** Everyone's to read, whatever the umask is: the program may run as another user later. */
function make(path: string): number {
  const umask = process.umask(0);
  try {
    return openSync(path, "wx+", mode);
  } finally {
    process.umask(umask);
  }
}

export class SharedFile {
  readonly path: string;
  /** Open for reading and writing. */
  readonly descriptor: number;
  #bytes = 0;

  /** `path` must be free. */
  constructor(path: string, text: Uint8Array) {
    this.path = path;
    this.descriptor = make(path);
    this.write(text);
  }

  /** In place: who has it open sees it. At no time is it shorter than both texts, so nothing that stays is missing from it. */
  write(text: Uint8Array): void {
    const gap = Buffer.alloc(Math.max(0, this.#bytes - text.length), "\n");
    writeSync(this.descriptor, Buffer.concat([text, gap]), 0, text.length + gap.length, 0);
    ftruncateSync(this.descriptor, text.length);
    this.#bytes = text.length;
  }

  /** Takes its name away: it lasts as long as something has it open or mounted. */
  unlink(): void {
    rmSync(this.path, { force: true });
  }

  close(): void {
    this.unlink();
    closeSync(this.descriptor);
  }
}

/** Removes the files of processes that were killed before they could: PREFIX.PID.NAME. */
export function removeLeft(directory: string, prefix: string): void {
  for (const name of readdirSync(directory)) {
    const pid = new RegExp(`^${prefix}\\.(\\d+)\\.`).exec(name)?.[1];
    if (pid !== undefined && !isAlive(Number(pid))) rmSync(`${directory}/${name}`, { force: true });
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return systemCode(error) === "EPERM";
  }
}
