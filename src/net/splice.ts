/** Joins two Conns both ways with back-pressure and half-close, until both are closed; the hot path. */

import type { Conn, ConnHandler } from "#base/conn.ts";
import type { KtError } from "#base/errors.ts";

/** Told of bytes as they pass: `sent` by the client, `received` from the pod. */
export interface SpliceCount {
  add(direction: "sent" | "received", bytes: number): void;
}

/** Hears one side and writes to the other. */
class Side implements ConnHandler {
  readonly #self: Conn;
  readonly #other: Conn;
  readonly #count: SpliceCount;
  readonly #direction: "sent" | "received";
  readonly #onClosed: (error: KtError | undefined) => void;

  constructor(self: Conn, other: Conn, count: SpliceCount, direction: "sent" | "received", onClosed: (error: KtError | undefined) => void) {
    this.#self = self;
    this.#other = other;
    this.#count = count;
    this.#direction = direction;
    this.#onClosed = onClosed;
  }

  onData(bytes: Uint8Array): void {
    this.#count.add(this.#direction, bytes.length);
    if (!this.#other.write(bytes)) this.#self.pause();
  }

  onEnd(): void {
    this.#other.end();
  }

  onDrain(): void {
    this.#other.resume();
  }

  onClose(error: KtError | undefined): void {
    // An orderly close has ended the other side already; after anything else no reader is left for what it still sends.
    if (error) this.#other.abort();
    else this.#other.end();
    this.#onClosed(error);
  }
}

/**
 * Takes over both Conns. `onDone` is called once, when both are closed, with the first error of either side.
 * When one side fails the other is aborted: errors do not travel through a pipe, resets do.
 */
export function splice(client: Conn, pod: Conn, count: SpliceCount, onDone: (error: KtError | undefined) => void): void {
  let open = 2;
  let firstError: KtError | undefined;
  const onClosed = (error: KtError | undefined): void => {
    firstError ??= error;
    open -= 1;
    if (open === 0) onDone(firstError);
  };
  pod.start(new Side(pod, client, count, "received", onClosed));
  client.start(new Side(client, pod, count, "sent", onClosed));
}
