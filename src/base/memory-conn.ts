/** A pair of Conns in memory: what one end writes the other reads. */

import type { Conn, ConnHandler } from "./conn.ts";
import { KtError } from "./errors.ts";
import { kib } from "./units.ts";

/** One direction between two ends. */
class Lane {
  /** `ended`: the writer has ended it. `read`: and the reader has been told, after everything before it. */
  state: "open" | "ended" | "read" = "open";
  /** The writer waits for room. */
  isFull = false;
  waitingBytes = 0;
  readonly #highWaterBytes: number;
  readonly #chunks: Uint8Array[] = [];

  constructor(highWaterBytes: number) {
    this.#highWaterBytes = highWaterBytes;
  }

  get isEmpty(): boolean {
    return this.#chunks.length === 0;
  }

  /** Returns whether the writer may go on. */
  push(bytes: Uint8Array): boolean {
    // A reader may change what it is given, and a writer may write the same bytes again.
    this.#chunks.push(new Uint8Array(bytes));
    this.waitingBytes += bytes.length;
    this.isFull = this.waitingBytes > this.#highWaterBytes;
    return !this.isFull;
  }

  unshift(bytes: Uint8Array): void {
    this.#chunks.unshift(bytes);
    this.waitingBytes += bytes.length;
  }

  shift(): Uint8Array | undefined {
    const bytes = this.#chunks.shift();
    this.waitingBytes -= bytes?.length ?? 0;
    return bytes;
  }

  /** Returns whether a writer that waited may go on. */
  drains(): boolean {
    if (!this.isFull || this.waitingBytes > this.#highWaterBytes / 2) return false;
    this.isFull = false;
    return true;
  }
}

/** One end of a pair. Bytes are delivered in microtasks, as a socket would deliver them from the event loop. */
export class MemoryConn implements Conn {
  readonly remoteAddress = undefined;
  readonly #in: Lane;
  readonly #out: Lane;
  #joined: MemoryConn | undefined;
  #handler: ConnHandler | undefined;
  #paused = false;
  #scheduled = false;
  #closed: { readonly error: KtError | undefined } | undefined;

  private constructor(incoming: Lane, outgoing: Lane) {
    this.#in = incoming;
    this.#out = outgoing;
  }

  static pair(highWaterBytes: number): [MemoryConn, MemoryConn] {
    const [there, back] = [new Lane(highWaterBytes), new Lane(highWaterBytes)];
    const [one, other] = [new MemoryConn(back, there), new MemoryConn(there, back)];
    one.#joined = other;
    other.#joined = one;
    return [one, other];
  }

  start(handler: ConnHandler): void {
    this.#handler = handler;
    this.#paused = false;
    if (this.#closed) {
      const { error } = this.#closed;
      queueMicrotask(() => handler.onClose(error));
    } else this.#schedule();
  }

  unread(bytes: Uint8Array): void {
    if (bytes.length > 0) this.#in.unshift(bytes);
  }

  write(bytes: Uint8Array): boolean {
    if (this.#closed || this.#out.state !== "open" || bytes.length === 0) return true;
    const mayGoOn = this.#out.push(bytes);
    this.#other.#schedule();
    return mayGoOn;
  }

  end(): void {
    if (this.#closed || this.#out.state !== "open") return;
    this.#out.state = "ended";
    this.#other.#schedule();
  }

  abort(): void {
    this.#close(undefined);
    this.#other.#close(new KtError("connection-lost", "connection reset by the peer"));
  }

  pause(): void {
    this.#paused = true;
  }

  resume(): void {
    this.#paused = false;
    this.#schedule();
  }

  get #other(): MemoryConn {
    if (!this.#joined) throw new KtError("internal", "internal error: an end of a pair without another");
    return this.#joined;
  }

  #schedule(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    queueMicrotask(() => {
      this.#scheduled = false;
      this.#deliver();
    });
  }

  /** Who reads now. */
  get #reader(): ConnHandler | undefined {
    return this.#paused || this.#closed ? undefined : this.#handler;
  }

  #deliver(): void {
    for (let reader = this.#reader; reader && !this.#in.isEmpty; reader = this.#reader) reader.onData(this.#in.shift() as Uint8Array);
    this.#other.#drained();
    if (this.#reader && this.#in.state === "ended" && this.#in.isEmpty) {
      this.#in.state = "read";
      this.#reader.onEnd();
    }
    if (this.#in.state !== "read" || this.#out.state !== "read") return;
    this.#close(undefined);
    this.#other.#close(undefined);
  }

  #drained(): void {
    if (this.#out.drains() && !this.#closed && this.#out.state === "open") this.#handler?.onDrain();
  }

  #close(error: KtError | undefined): void {
    if (this.#closed) return;
    this.#closed = { error };
    const handler = this.#handler;
    if (handler) queueMicrotask(() => handler.onClose(error));
  }
}

/** What one end may have written before `write` asks it to wait. */
const defaultHighWaterBytes = 64 * kib;

/** Two joined ends. */
export function memoryPair(highWaterBytes: number = defaultHighWaterBytes): [MemoryConn, MemoryConn] {
  return MemoryConn.pair(highWaterBytes);
}
