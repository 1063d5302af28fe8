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
  readonly #bytes = new ByteQueue(wireLimits.tlsHelloBytes + wireLimits.httpHeadBytes);
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
      this.#bytes.push(bytes);
      const speech = recognise(this.#bytes.peek());
      if (speech === "short") {
        // A connection that has said nothing may wait as long as it likes; one that began has to come to the point.
        this.#cancelTimeout ??= this.#clock.after(proxyLimits.peekTimeoutMs, () => this.#conn.abort());
        return;
      }
      this.#settle();
      this.#conn.pause();
      this.#conn.unread(this.#bytes.takeAll());
      this.#handler.onSpeech(speech);
    } catch (error) {
      this.#garbage = true;
      this.#settle();
      this.#handler.onGarbage(toKtError(error, "request-invalid", "read the first bytes"));
    }
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
