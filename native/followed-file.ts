/** Follows a file that others replace as a whole, such as one in the volume of a ConfigMap: what cannot be used leaves the former content in force. */

import type { Clock } from "#base/clock.ts";
import { messageOf } from "#base/errors.ts";
import type { Log } from "#base/log.ts";
import { readRegularFile } from "#base/regular-file.ts";
import { FileWatch } from "./file-watch.ts";

export interface FollowedFileOptions<T extends object> {
  readonly path: string;
  readonly mostBytes: number;
  /** Throws a sentence about what cannot be used. */
  readonly parse: (text: string) => T;
  /** Called with the first content that can be used, and with each that differs from the one before. */
  readonly onContent: (content: T) => void;
  readonly clock: Clock;
  readonly log: Log;
}

/** The kubelet renames the folder `..data` to which the file leads: another inode, as with any file that is replaced. */
export class FollowedFile<T extends object> {
  readonly #options: FollowedFileOptions<T>;
  readonly #watch: FileWatch;
  #text: string | undefined;
  #problem = "";
  /** Resolves once the file was read for the first time, or could not be. */
  readonly ready: Promise<void>;

  constructor(options: FollowedFileOptions<T>) {
    this.#options = options;
    this.#watch = new FileWatch([options.path], options.clock, () => this.#read());
    this.ready = this.#watch.ready.then(() => this.#read());
  }

  /** Why the newest content is not in force; empty where it is. */
  get problem(): string {
    return this.#problem;
  }

  close(): void {
    this.#watch.close();
  }

  #read(): void {
    const { path, mostBytes, parse, onContent, log } = this.#options;
    try {
      const text = new TextDecoder().decode(readRegularFile(path, { mostBytes, code: "protocol" }).bytes);
      const content = text === this.#text ? undefined : parse(text);
      this.#problem = "";
      if (content === undefined) return;
      onContent(content);
      this.#text = text;
    } catch (error) {
      // Also a process without a descriptor left, as in a flood, cannot read what has changed.
      this.#watch.forget();
      const problem = messageOf(error);
      if (problem !== this.#problem) log("warn", "file-unusable", { file: path, text: problem, kept: this.#text !== undefined });
      this.#problem = problem;
    }
  }
}
