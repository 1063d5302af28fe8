/** Collects bytes up to a cap in one buffer: a stream of single bytes costs no more than their number. */

import { KtError } from "#base/errors.ts";

const firstBytes = 4096;

export class CappedBytes {
  readonly #capBytes: number;
  /** What is collected, for messages. */
  readonly #what: string;
  #buffer = new Uint8Array(0);
  #lengthBytes = 0;

  constructor(capBytes: number, what: string) {
    this.#capBytes = capBytes;
    this.#what = what;
  }

  get length(): number {
    return this.#lengthBytes;
  }

  /** Throws `TooLong`. */
  add(bytes: Uint8Array): void {
    const lengthBytes = this.#lengthBytes + bytes.length;
    if (lengthBytes > this.#capBytes) throw new TooLong(this.#what, this.#capBytes);
    if (lengthBytes > this.#buffer.length) this.#grow(lengthBytes);
    this.#buffer.set(bytes, this.#lengthBytes);
    this.#lengthBytes = lengthBytes;
  }

  /** As UTF-8, and forgets it. */
  takeText(): string {
    return new TextDecoder().decode(this.takeBytes());
  }

  /** All of it, and forgets it. */
  takeBytes(): Uint8Array {
    const bytes = this.#buffer.subarray(0, this.#lengthBytes);
    this.#buffer = new Uint8Array(0);
    this.#lengthBytes = 0;
    return bytes;
  }

  #grow(lengthBytes: number): void {
    const grown = new Uint8Array(Math.min(this.#capBytes, Math.max(firstBytes, lengthBytes, this.#buffer.length * 2)));
    grown.set(this.#buffer.subarray(0, this.#lengthBytes));
    this.#buffer = grown;
  }
}

/** More came than the cap allows. */
export class TooLong extends KtError {
  constructor(what: string, capBytes: number) {
    super("cluster-error", `${what} is longer than ${capBytes} bytes`);
  }
}
