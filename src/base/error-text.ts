/** Collects what a peer says on a stream of errors, as text, up to a cap. */

import { sharedLimits } from "./limits.ts";

export class ErrorText {
  /** Made with the first bytes: most streams have none. A character may come in two pieces. */
  #decoder: TextDecoder | undefined;
  #text = "";

  get text(): string {
    return this.#text;
  }

  add(bytes: Uint8Array): void {
    if (this.#text.length >= sharedLimits.errorTextBytes) return;
    this.#decoder ??= new TextDecoder();
    this.#text += this.#decoder.decode(bytes, { stream: true });
  }
}
