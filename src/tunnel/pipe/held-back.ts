/** Bytes that came while their reader paused, delivered when it goes on. */

export class HeldBack {
  readonly #deliver: (bytes: Uint8Array) => void;
  #chunks: Uint8Array[] = [];
  #lengthBytes = 0;
  #paused = false;

  constructor(deliver: (bytes: Uint8Array) => void) {
    this.#deliver = deliver;
  }

  get lengthBytes(): number {
    return this.#lengthBytes;
  }

  get isPaused(): boolean {
    return this.#paused;
  }

  /** Returns whether the bytes were delivered, not held back. */
  push(bytes: Uint8Array): boolean {
    if (!this.#paused) {
      this.#deliver(bytes);
      return true;
    }
    this.#chunks.push(bytes);
    this.#lengthBytes += bytes.length;
    return false;
  }

  pause(): void {
    this.#paused = true;
  }

  /** Returns whether the reader goes on: it may pause again while it is given what was held back. */
  resume(): boolean {
    if (!this.#paused) return false;
    this.#paused = false;
    while (this.#chunks.length > 0 && !this.#paused) {
      const bytes = this.#chunks.shift() as Uint8Array;
      this.#lengthBytes -= bytes.length;
      this.#deliver(bytes);
    }
    return !this.#paused;
  }

  /** Throws away what is held. */
  clear(): void {
    this.#chunks = [];
    this.#lengthBytes = 0;
    this.#paused = false;
  }
}
