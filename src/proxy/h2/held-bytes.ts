/** Bytes on their way to a reader that may pause: delivered in order, and reported once they are. */

interface Held {
  readonly bytes: Uint8Array;
  /** What of the sender's window they took. */
  readonly takenBytes: number;
  readonly isLast: boolean;
}

export class HeldBytes {
  readonly #deliver: (bytes: Uint8Array) => void;
  readonly #taken: (bytes: number) => void;
  readonly #ended: () => void;
  #queue: Held[] = [];
  #paused = false;

  /** `ended` follows the last bytes. */
  constructor(deliver: (bytes: Uint8Array) => void, taken: (bytes: number) => void, ended: () => void) {
    this.#deliver = deliver;
    this.#taken = taken;
    this.#ended = ended;
  }

  push(bytes: Uint8Array, takenBytes: number, isLast: boolean): void {
    this.#queue.push({ bytes, takenBytes, isLast });
    this.#flush();
  }

  pause(): void {
    this.#paused = true;
  }

  resume(): void {
    this.#paused = false;
    this.#flush();
  }

  drop(): void {
    this.#queue = [];
  }

  #flush(): void {
    while (!this.#paused) {
      const next = this.#queue.shift();
      if (!next) return;
      if (next.takenBytes > 0) this.#taken(next.takenBytes);
      if (next.bytes.length > 0) this.#deliver(next.bytes);
      if (next.isLast) this.#ended();
    }
  }
}
