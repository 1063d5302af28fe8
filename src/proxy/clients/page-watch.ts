/** Watches what a client sends through a tunnel: of plain HTTP each head is looked at, since the client may be a page's browser. */

import { ByteQueue } from "#base/bytes.ts";
import type { Conn, ConnHandler } from "#base/conn.ts";
import type { KtError } from "#base/errors.ts";
import { type BodyCursor, bodyCursor } from "#wire/http-body.ts";
import { decodeRequestHead, type RequestHead, requestFraming } from "#wire/http-head.ts";
import { wireLimits } from "#wire/limits.ts";

/** The methods of pages; others need a preflight, which is one of these. */
const beginning = /^(?:GET|HEAD|POST|PUT|PATCH|DELETE|OPTIONS) /;
/** Enough of a request to see that. */
const methodBytes = 8;

/** Why a request may not pass; undefined where it may. */
export type CheckHead = (head: RequestHead) => KtError | undefined;

/**
 * A Conn that passes everything on unchanged and at once, but for the bytes that complete a head which may not pass: the server never
 * sees that request. Then `onRefused` gets the Conn, and the handler a close. What is not plain HTTP/1 is not looked at any further.
 */
export class PageWatch implements Conn {
  readonly #conn: Conn;
  readonly #check: CheckHead;
  readonly #onRefused: (error: KtError, head: RequestHead) => void;
  readonly #head = new ByteQueue(wireLimits.httpHeadBytes);
  #body: BodyCursor | undefined;
  #phase: "watching" | "passing" | "refused" = "watching";

  constructor(conn: Conn, check: CheckHead, onRefused: (error: KtError, head: RequestHead) => void) {
    this.#conn = conn;
    this.#check = check;
    this.#onRefused = onRefused;
  }

  get remoteAddress(): string | undefined {
    return this.#conn.remoteAddress;
  }

  start(handler: ConnHandler): void {
    this.#conn.start({
      onData: (bytes) => this.#data(bytes, handler),
      onEnd: () => handler.onEnd(),
      onDrain: () => handler.onDrain(),
      onClose: (error) => handler.onClose(error),
    });
  }

  unread(bytes: Uint8Array): void {
    this.#conn.unread(bytes);
  }

  write(bytes: Uint8Array): boolean {
    return this.#phase === "refused" || this.#conn.write(bytes);
  }

  end(): void {
    if (this.#phase !== "refused") this.#conn.end();
  }

  abort(): void {
    if (this.#phase !== "refused") this.#conn.abort();
  }

  pause(): void {
    if (this.#phase !== "refused") this.#conn.pause();
  }

  resume(): void {
    if (this.#phase !== "refused") this.#conn.resume();
  }

  #data(bytes: Uint8Array, handler: ConnHandler): void {
    const refusal = this.#phase === "watching" ? this.#look(bytes) : undefined;
    if (refusal === undefined) {
      handler.onData(bytes);
      return;
    }
    this.#phase = "refused";
    this.#conn.pause();
    this.#onRefused(refusal.error, refusal.head);
    handler.onClose(refusal.error);
  }

  /** What cannot be read as HTTP was not sent by a browser. */
  #look(bytes: Uint8Array): { readonly error: KtError; readonly head: RequestHead } | undefined {
    try {
      return this.#follow(bytes);
    } catch {
      this.#phase = "passing";
      return undefined;
    }
  }

  #follow(bytes: Uint8Array): { readonly error: KtError; readonly head: RequestHead } | undefined {
    let rest = bytes;
    while (rest.length > 0) {
      if (this.#body) {
        rest = rest.subarray(this.#body.advance(rest, 0));
        if (!this.#body.done) return undefined;
        this.#body = undefined;
        continue;
      }
      this.#head.push(rest.slice());
      const decoded = this.#decode();
      if (decoded === undefined) return undefined;
      const { head, next } = decoded;
      const error = this.#check(head);
      if (error) return { error, head };
      this.#head.take(next);
      rest = this.#head.takeAll();
      if (head.upgrade !== undefined) this.#phase = "passing";
      if (this.#phase === "passing") return undefined;
      const body = bodyCursor(requestFraming(head), "request-invalid");
      if (!body.done) this.#body = body;
    }
    return undefined;
  }

  /** Undefined where more has to come, or nothing of interest will. */
  #decode(): { readonly head: RequestHead; readonly next: number } | undefined {
    const waiting = this.#head.peek();
    if (waiting.length >= methodBytes && !beginning.test(Buffer.from(waiting.subarray(0, methodBytes)).toString("latin1"))) {
      this.#phase = "passing";
      return undefined;
    }
    const decoded = decodeRequestHead(waiting);
    return decoded === "short" ? undefined : decoded;
  }
}
