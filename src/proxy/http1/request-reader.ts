/** Reads the request heads of one client connection from the pieces that they arrive in. */

import { ByteQueue, emptyBytes } from "#base/bytes.ts";
import type { Clock } from "#base/clock.ts";
import { KtError } from "#base/errors.ts";
import { isForeignText } from "#proxy/door/first-bytes.ts";
import { decodeRequestHead, type RequestHead } from "#wire/http-head.ts";
import { beginsHead, PartialHead } from "./partial-head.ts";

export class RequestReader {
  readonly #clock: Clock;
  readonly #onLate: (error: KtError) => void;
  /** Bytes of the next request while another is under way, or of a head that is not complete. */
  readonly #inbox = new ByteQueue();
  /** The head in the inbox, as long as it is not complete. */
  #partial: PartialHead | undefined;
  /** The head that was read last, as it came; undefined before the first. */
  #headBytes: Uint8Array | undefined;

  /** `onLate` gets the error of a head that takes too long. */
  constructor(clock: Clock, onLate: (error: KtError) => void) {
    this.#clock = clock;
    this.#onLate = onLate;
  }

  get isEmpty(): boolean {
    return this.#inbox.length === 0;
  }

  /** Whether what has arrived is the first line of another protocol, whose client does not read HTTP either. */
  get isForeign(): boolean {
    return this.#headBytes === undefined && isForeignText(this.#inbox.peek());
  }

  /** The head that was read last, as it came; once. */
  takeHeadBytes(): Uint8Array {
    const bytes = this.#headBytes ?? emptyBytes;
    this.#headBytes = emptyBytes;
    return bytes;
  }

  /** Keeps bytes; true when `next` is worth a try. */
  add(bytes: Uint8Array): boolean {
    this.#inbox.push(bytes);
    return this.#partial?.add(bytes) !== false;
  }

  /** The next head; undefined until it is complete. Throws KtError as decodeRequestHead does. */
  next(): RequestHead | undefined {
    const waiting = this.#inbox.peek();
    const decoded = decodeRequestHead(waiting);
    if (decoded === "short") {
      if (this.isForeign) throw new KtError("request-invalid", "its first line is not HTTP");
      if (beginsHead(waiting)) this.#partial ??= new PartialHead(waiting, this.#clock, this.#onLate);
      return undefined;
    }
    this.settle();
    this.#headBytes = this.#inbox.take(decoded.next);
    return decoded.head;
  }

  /** Gives what has arrived behind a head to its body, which says how many of the bytes it used. */
  takeBody(use: (bytes: Uint8Array) => number): void {
    this.#inbox.take(use(this.#inbox.peek()));
  }

  takeRest(): Uint8Array {
    return this.#inbox.takeAll();
  }

  /** No longer waits for the rest of a head. */
  settle(): void {
    this.#partial?.settle();
    this.#partial = undefined;
  }
}
