/** What a jump host's process says on stderr: its process id where a shell prints that first, and why it failed. */

import { ErrorText } from "#base/error-text.ts";

export class JumpStderr {
  readonly #startsWithProcessId: boolean;
  readonly #said = new ErrorText();
  /** Where the text begins, behind the process id. */
  #start = 0;
  #processId: string | undefined;

  constructor(startsWithProcessId: boolean) {
    this.#startsWithProcessId = startsWithProcessId;
  }

  /** All but the process id. */
  get text(): string {
    return this.#said.text.slice(this.#start);
  }

  /** In the container; undefined until the shell has said it. */
  get processId(): string | undefined {
    return this.#processId;
  }

  push(bytes: Uint8Array): void {
    this.#said.add(bytes);
    if (this.#startsWithProcessId && this.#processId === undefined) this.#takeProcessId();
  }

  #takeProcessId(): void {
    // Shells may complain first, as of a locale that is not there.
    const found = /^(\d+)\n/m.exec(this.#said.text);
    if (!found) return;
    this.#processId = found[1];
    this.#start = found.index + found[0].length;
  }
}
