/** Collects a connection's first bytes until they say what it speaks, then hands the Conn on with those bytes put back. */

import { ByteQueue } from "#base/bytes.ts";
import type { Clock } from "#base/clock.ts";
import type { Conn, ConnHandler } from "#base/conn.ts";
import { type KtError, toKtError } from "#base/errors.ts";
import { proxyLimits } from "#proxy/limits.ts";
import { wireLimits } from "#wire/limits.ts";
import { recognise, type Speech } from "./first-bytes.ts";

export interface PeekOptions {
  readonly clock: Clock;
  /** The Conn is paused and holds all its bytes. */
  readonly onSpeech: (speech: Speech) => void;
  /** The first bytes are nothing that can be served: the callee says so and ends the Conn; `onClosed` follows. */
  readonly onGarbage: (error: KtError) => void;
  readonly onClosed: () => void;
}

export class Peek implements ConnHandler {
  readonly #conn: Conn;
  readonly #options: PeekOptions;
  readonly #bytes = new ByteQueue(wireLimits.tlsHelloBytes + wireLimits.httpHeadBytes);
  #cancelTimeout: (() => void) | undefined;
  #over = false;
  #garbage = false;

  constructor(conn: Conn, options: PeekOptions) {
    this.#conn = conn;
    this.#options = options;
    conn.start(this);
  }

  onData(bytes: Uint8Array): void {
    if (this.#over) return;
    try {
      this.#bytes.push(bytes);
      const speech = recognise(this.#bytes.peek());
      if (speech === "short") {
        // A connection that has said nothing may wait as long as it likes; one that began has to come to the point.
        this.#cancelTimeout ??= this.#options.clock.after(proxyLimits.peekTimeoutMs, () => this.#conn.abort());
        return;
      }
      this.#settle();
      this.#conn.pause();
      this.#conn.unread(this.#bytes.takeAll());
      this.#options.onSpeech(speech);
    } catch (error) {
      this.#garbage = true;
      this.#settle();
      this.#options.onGarbage(toKtError(error, "request-invalid", "read the first bytes"));
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
    this.#options.onClosed();
  }

  #settle(): void {
    this.#over = true;
    this.#cancelTimeout?.();
  }
}
