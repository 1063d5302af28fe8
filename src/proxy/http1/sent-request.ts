/** The request of one exchange as backends get it: its body as far as it has arrived, and whether it may be sent again. */

import { sharedLimits } from "#base/limits.ts";
import { isIdempotent } from "#http/fields.ts";
import type { SpliceCount } from "#net/splice.ts";
import type { RetryPolicy } from "#proxy/door/context.ts";
import { type BodyCursor, bodyCursor } from "#wire/http-body.ts";
import { type RequestHead, requestFraming } from "#wire/http-head.ts";
import { passesUpgrade } from "./heads.ts";

/** Whether a request may be sent again as long as its body can be kept: what a WebSocket begins with may have begun something. */
function mayRepeat(head: RequestHead, { max }: RetryPolicy): boolean {
  return max > 0 && isIdempotent(head.method) && !passesUpgrade(head);
}

/** Whether a request can be sent again whatever happens to it: it may be, and its body can be kept. */
export function isRepeatable(head: RequestHead, policy: RetryPolicy): boolean {
  const { chunked, contentLength = 0 } = head;
  return mayRepeat(head, policy) && !chunked && contentLength <= sharedLimits.replayBytes;
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
  readonly #policy: RetryPolicy;
  /** Connections that were chosen for it, one that then had closed among them. */
  #tries = 0;
  /** How often it was sent again. */
  #retries = 0;
  /** New connections that a pod closed. */
  #closedNew = 0;

  constructor(head: RequestHead, count: SpliceCount, policy: RetryPolicy) {
    this.#count = count;
    this.#policy = policy;
    this.#cursor = bodyCursor(requestFraming(head), "request-invalid");
    this.#isKept = mayRepeat(head, policy);
  }

  /** The whole body has arrived. */
  get isComplete(): boolean {
    return this.#cursor.done;
  }

  /** A later one gets a new connection. */
  get isFirstTry(): boolean {
    return this.#tries === 1;
  }

  begin(): void {
    this.#tries += 1;
  }

  get mayResend(): boolean {
    return this.#isKept && this.#retries < this.#policy.max;
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
    this.#retries += 1;
    this.#waiting = [...(this.#sent ?? []), ...(this.#waiting ?? [])];
    this.#sent = undefined;
    this.#sentBytes = 0;
  }

  #forget(): void {
    this.#isKept = false;
    this.#sent = undefined;
  }
}
