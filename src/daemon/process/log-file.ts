/** The hub's log file: appended to, and cut to one old generation before it grows too large. */

import { appendFile, copyFile, mkdir, open, stat, truncate } from "node:fs/promises";
import { daemonLimits } from "#daemon/limits.ts";

/** Opens the file for a new hub's stdout and stderr. The caller closes the handle once the hub has it. */
export async function openLogFile(directory: string): Promise<{ path: string; fd: number; close(): Promise<void> }> {
  await mkdir(directory, { recursive: true, mode: 0o700 });
  const path = logFilePath(directory);
  await cutLogFile(path);
  const handle = await open(path, "a", 0o600);
  return { path, fd: handle.fd, close: () => handle.close() };
}

export function logFilePath(directory: string): string {
  return `${directory}/hub.log`;
}

/** Copies and empties instead of renaming: a hub that has the file open for appending goes on at its new start. */
async function cutLogFile(path: string): Promise<void> {
  const info = await stat(path).catch(() => undefined);
  if (!info || info.size < daemonLimits.hubLogBytes) return;
  await copyFile(path, `${path}.1`);
  await truncate(path);
}

/** Writes lines to the file in order; a disk that is full costs lines, never the hub. */
export class LogFile {
  readonly #path: string;
  #pending = "";
  #writing: Promise<void> | undefined;

  constructor(directory: string) {
    this.#path = logFilePath(directory);
  }

  write(line: string): void {
    if (this.#pending.length > daemonLimits.hubLogBytes) return;
    this.#pending += `${line}\n`;
    this.#writing ??= this.#flush();
  }

  /** Resolves when everything written so far is in the file. */
  async flushed(): Promise<void> {
    await this.#writing;
  }

  async #flush(): Promise<void> {
    while (this.#pending !== "") {
      const text = this.#pending;
      this.#pending = "";
      try {
        await cutLogFile(this.#path);
        await appendFile(this.#path, text, { mode: 0o600 });
      } catch {
        // Nowhere left to say so.
      }
    }
    this.#writing = undefined;
  }
}
