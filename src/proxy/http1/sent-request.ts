/** The request of one exchange as backends get it: its body as far as it has arrived, and whether it may be sent again. */

import { sharedLimits } from "#base/limits.ts";
import { isIdempotent } from "#http/fields.ts";
import type { SpliceCount } from "#net/splice.ts";
import { proxyLimits } from "#proxy/limits.ts";
import { type BodyCursor, bodyCursor } from "#wire/http-body.ts";
import { type RequestHead, requestFraming } from "#wire/http-head.ts";

/** Whether a request can be sent again whatever happens to it: its method allows it, and its body can be kept. */
export function isRepeatable({ method, chunked, contentLength = 0 }: RequestHead): boolean {
  return isIdempotent(method) && !chunked && contentLength <= sharedLimits.replayBytes;
}

/** How many bytes belong to the body; of these its data is counted, and its framing is not. */
export function advanceCounted(
  cursor: BodyCursor,
  bytes: Uint8Array,
  from: number,
  direction: "sent" | "received",
  count: SpliceCount,
): number {
  const before = cursor.dataBytes;
  const taken = cursor.advance(bytes, from);
  if (cursor.dataBytes > before) count.add(direction, cursor.dataBytes - before);
  return taken;
}

export class SentRequest {
  readonly #cursor: BodyCursor;
  readonly #count: SpliceCount;
  /** Body bytes that no backend has got yet. Most requests have no body: there is no array before there are bytes. */
  #waiting: Uint8Array[] | undefined;
  /** What a backend got of the body, so that another can. */
  #sent: Uint8Array[] | undefined;
  /** False where the request must not be sent twice, or is too long to be kept. */
  #isKept: boolean;
  #sentBytes = 0;
  #tries = 0;
  /** New connections that a pod closed. */
  #closedNew = 0;

  constructor(head: RequestHead, count: SpliceCount) {
    this.#count = count;
    this.#cursor = bodyCursor(requestFraming(head), "request-invalid");
    this.#isKept = isIdempotent(head.method);
  }

  /** The whole body has arrived. */
  get isComplete(): boolean {
    return this.#cursor.done;
  }

  get isFirstTry(): boolean {
    return this.#tries === 1;
  }

  get mayResend(): boolean {
    return this.#isKept && this.#tries < proxyLimits.requestTries;
  }

  begin(): void {
    this.#tries += 1;
  }

  /** The body bytes at the beginning of `bytes`. Throws KtError `request-invalid`. */
  bodyIn(bytes: Uint8Array): Uint8Array {
    const taken = advanceCounted(this.#cursor, bytes, 0, "sent", this.#count);
    return taken === bytes.length ? bytes : bytes.subarray(0, taken);
  }

  /** Keeps body bytes until there is a backend. */
  wait(body: Uint8Array): void {
    this.#waiting ??= [];
    this.#waiting.push(body);
  }

  /** What waited; a backend gets it now. */
  takeWaiting(): readonly Uint8Array[] | undefined {
    const waiting = this.#waiting;
    this.#waiting = undefined;
    return waiting;
  }

  /** A backend gets this part of the body. */
  noteSent(body: Uint8Array): void {
    this.#sentBytes += body.length;
    if (this.#sentBytes > sharedLimits.replayBytes) this.#forget();
    if (!this.#isKept) return;
    this.#sent ??= [];
    this.#sent.push(body);
  }

  /** A request that ends a new connection twice may well be what ends it: it is not tried on one pod after the other. */
  closedOnNew(): void {
    if (++this.#closedNew === 2) this.#forget();
  }

  /** All of the body waits again, for another backend. */
  rewind(): void {
    this.#waiting = [...(this.#sent ?? []), ...(this.#waiting ?? [])];
    this.#sent = undefined;
    this.#sentBytes = 0;
  }

  #forget(): void {
    this.#isKept = false;
    this.#sent = undefined;
  }
}
