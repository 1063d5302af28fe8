/** Collects a connection's first bytes until they say what it speaks, then hands the Conn on with those bytes put back. */

import { ByteQueue } from "#base/bytes.ts";
import type { Clock } from "#base/clock.ts";
import type { Conn, ConnHandler } from "#base/conn.ts";
import { type KtError, toKtError } from "#base/errors.ts";
import { proxyLimits } from "#proxy/limits.ts";
import { wireLimits } from "#wire/limits.ts";
import { recognise, type Speech } from "./first-bytes.ts";

export interface PeekHandler {
  /** The Conn is paused and holds all its bytes. */
  onSpeech(speech: Speech): void;
  /** The first bytes are nothing that can be served: the callee says so and ends the Conn; `onClosed` follows. */
  onGarbage(error: KtError): void;
  onClosed(): void;
}

export class Peek implements ConnHandler {
  readonly #conn: Conn;
  readonly #clock: Clock;
  readonly #handler: PeekHandler;
  /** What has arrived, where the first bytes did not say enough. */
  #bytes: ByteQueue | undefined;
  #cancelTimeout: (() => void) | undefined;
  #over = false;
  #garbage = false;

  constructor(conn: Conn, clock: Clock, handler: PeekHandler) {
    this.#conn = conn;
    this.#clock = clock;
    this.#handler = handler;
    conn.start(this);
  }

  onData(bytes: Uint8Array): void {
    if (this.#over) return;
    try {
      const all = this.#with(bytes);
      const speech = recognise(all);
      if (speech === "short") {
        this.#wait(all);
        return;
      }
      this.#settle();
      this.#conn.pause();
      this.#conn.unread(all);
      this.#handler.onSpeech(speech);
    } catch (error) {
      this.#garbage = true;
      this.#settle();
      this.#handler.onGarbage(toKtError(error, "request-invalid", "read the first bytes"));
    }
  }

  #with(bytes: Uint8Array): Uint8Array {
    if (!this.#bytes) return bytes;
    this.#bytes.push(bytes);
    return this.#bytes.peek();
  }

  #wait(first: Uint8Array): void {
    if (this.#bytes || first.length === 0) return;
    this.#bytes = new ByteQueue(wireLimits.tlsHelloBytes + wireLimits.httpHeadBytes);
    this.#bytes.push(first);
    // A connection that has said nothing may wait as long as it likes; one that began has to come to the point.
    this.#cancelTimeout = this.#clock.after(proxyLimits.peekTimeoutMs, () => this.#conn.abort());
  }

  onEnd(): void {
    if (!this.#over) this.#conn.end();
  }

  onDrain(): void {
    // Nothing has been written yet.
  }

  onClose(): void {
    if (this.#over && !this.#garbage) return;
    this.#settle();
    this.#handler.onClosed();
  }

  #settle(): void {
    this.#over = true;
    this.#cancelTimeout?.();
  }
}
