/** A pair of Conns in memory that can also lose everything, as a network does whose packets are dropped. */

import type { Conn, ConnHandler } from "#base/conn.ts";
import { memoryPair as joinedPair } from "#base/memory-conn.ts";

/** What both ends of a pair share. */
interface Wire {
  isLost: boolean;
}

export class MemoryConn implements Conn {
  readonly remoteAddress = undefined;
  readonly #conn: Conn;
  readonly #wire: Wire;
  #isAborted = false;

  constructor(conn: Conn, wire: Wire) {
    this.#conn = conn;
    this.#wire = wire;
  }

  start(handler: ConnHandler): void {
    const wire = this.#wire;
    this.#conn.start({
      onData: (bytes) => wire.isLost || handler.onData(bytes),
      onEnd: () => wire.isLost || handler.onEnd(),
      onDrain: () => wire.isLost || handler.onDrain(),
      onClose: (error) => (wire.isLost && !this.#isAborted) || handler.onClose(error),
    });
  }

  unread(bytes: Uint8Array): void {
    this.#conn.unread(bytes);
  }

  write(bytes: Uint8Array): boolean {
    return this.#wire.isLost || this.#conn.write(bytes);
  }

  end(): void {
    if (!this.#wire.isLost) this.#conn.end();
  }

  abort(): void {
    this.#isAborted = true;
    this.#conn.abort();
  }

  pause(): void {
    this.#conn.pause();
  }

  resume(): void {
    this.#conn.resume();
  }

  /** From now on nothing reaches the peer, without notice to either side: a packet filter that drops. */
  blackHole(): void {
    this.#wire.isLost = true;
  }
}

/** Two joined ends: what one writes the other reads. */
export function memoryPair({ highWaterBytes }: { highWaterBytes?: number } = {}): [MemoryConn, MemoryConn] {
  const wire = { isLost: false };
  const [one, other] = joinedPair(highWaterBytes);
  return [new MemoryConn(one, wire), new MemoryConn(other, wire)];
}
