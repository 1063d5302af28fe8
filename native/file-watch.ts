/** Watches files by name, so that editors that replace a file instead of writing it are noticed too. */

import { stat, watch } from "node:fs/promises";
import type { Clock } from "#base/clock.ts";
import { second } from "#base/units.ts";

/** Editors write a file in several steps: a change is read this long after its last sign. */
const debounceMs = 60;
/** How often the files are looked at for changes that the system did not report, as on network file systems. */
export const filePollMs = 2 * second;

/** What a file looked like: another inode, size or time means another content, another mode another right to read it. */
async function signature(path: string): Promise<string> {
  try {
    const { ino, size, mtimeMs, mode } = await stat(path);
    return `${ino}:${size}:${mtimeMs}:${mode}`;
  } catch {
    return "absent";
  }
}

export function directoryOf(path: string): string {
  return path.slice(0, path.lastIndexOf("/")) || "/";
}

/**
 * The system's events only make it fast: whether something changed is decided by looking at the files, now and then also
 * without an event, since network file systems and links that lead elsewhere send none.
 */
export class FileWatch {
  readonly files: readonly string[];
  readonly #clock: Clock;
  readonly #onChange: (changed: readonly string[]) => void;
  readonly #stop = new AbortController();
  #seen: readonly string[] = [];
  #cancel = (): void => {};
  /** A look is due because of an event; more events do not put it off, or a busy directory would put it off for ever. */
  #soon = false;
  /** Resolves when the first look was taken: changes after that are noticed. */
  readonly ready: Promise<void>;

  constructor(files: readonly string[], clock: Clock, onChange: (changed: readonly string[]) => void) {
    this.files = files;
    this.#clock = clock;
    this.#onChange = onChange;
    this.ready = this.#begin();
  }

  /** The next look finds them changed: what was read could not be used, for a reason that may pass without a change. */
  forget(): void {
    this.#seen = [];
  }

  close(): void {
    this.#stop.abort();
    this.#cancel();
  }

  async #begin(): Promise<void> {
    for (const directory of new Set(this.files.map(directoryOf))) void this.#watchDirectory(directory);
    this.#seen = await this.#look();
    if (!this.#soon) this.#lookAfter(filePollMs);
  }

  #look(): Promise<string[]> {
    return Promise.all(this.files.map(signature));
  }

  async #watchDirectory(directory: string): Promise<void> {
    try {
      for await (const _ of watch(directory, { signal: this.#stop.signal })) this.#lookSoon();
    } catch {
      // Aborted, or a directory that cannot be watched: the regular look remains.
    }
  }

  #lookSoon(): void {
    if (this.#soon) return;
    this.#soon = true;
    this.#lookAfter(debounceMs);
  }

  #lookAfter(delayMs: number): void {
    this.#cancel();
    if (!this.#stop.signal.aborted) this.#cancel = this.#clock.after(delayMs, () => void this.#compare());
  }

  async #compare(): Promise<void> {
    this.#soon = false;
    const now = await this.#look();
    const changed = this.files.filter((_, index) => now[index] !== this.#seen[index]);
    this.#seen = now;
    if (this.#stop.signal.aborted) return;
    if (changed.length > 0) this.#onChange(changed);
    if (!this.#soon) this.#lookAfter(filePollMs);
  }
}
