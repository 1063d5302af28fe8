/** What a jump host's process says on stderr: its process id where a shell prints that first, and why it failed. */

import { sharedLimits } from "#base/limits.ts";

const decoder = new TextDecoder();

export class JumpStderr {
  readonly #startsWithProcessId: boolean;
  #text = "";
  #processId: string | undefined;

  constructor(startsWithProcessId: boolean) {
    this.#startsWithProcessId = startsWithProcessId;
  }

  /** All but the process id. */
  get text(): string {
    return this.#text;
  }

  /** In the container; undefined until the shell has said it. */
  get processId(): string | undefined {
    return this.#processId;
  }

  push(bytes: Uint8Array): void {
    if (this.#text.length < sharedLimits.errorTextBytes) this.#text += decoder.decode(bytes);
    if (this.#startsWithProcessId && this.#processId === undefined) this.#takeProcessId();
  }

  #takeProcessId(): void {
    // Shells may complain first, as of a locale that is not there.
    const found = /^(\d+)\n/m.exec(this.#text);
    if (!found) return;
    this.#processId = found[1];
    this.#text = this.#text.slice(found.index + found[0].length);
  }
}
