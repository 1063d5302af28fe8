/** Frames in and out over a Conn: the greeting of both roles, one batch of writes per tick, and how the connection ends. */

import type { Clock } from "#base/clock.ts";
import type { Conn, ConnHandler } from "#base/conn.ts";
import { KtError, toKtError } from "#base/errors.ts";
import { httpLimits } from "#http/limits.ts";
import { type FrameSink, H2FrameDecoder } from "#wire/h2-decoder.ts";
import { encodeGoaway, H2Error, h2Codes, h2Preface } from "#wire/h2-frame.ts";
import { H2Output } from "./output.ts";
import { NotH2Error } from "./not-h2.ts";

export type H2Role = "server" | "client";

export interface TransportHandler extends FrameSink {
  /** Once per tick in which `wake` was called, and when the peer accepts bytes again: the time to push DATA. */
  onPump(): void;
  /** The peer sends nothing more. */
  onFarEnd(): void;
  /** Nothing more will come or go; called once. */
  onClosed(error: KtError | undefined): void;
  /** For the GOAWAY of a connection that ends with an error. */
  lastStreamId(): number;
}

export class H2Transport implements ConnHandler {
  readonly #role: H2Role;
  readonly #conn: Conn;
  readonly #clock: Clock;
  readonly #handler: TransportHandler;
  readonly #decoder: H2FrameDecoder;
  readonly #output: H2Output;
  /** How much of a client's preface has come. */
  #prefaceBytes = 0;
  #greeted = false;
  #scheduled = false;
  #closed = false;

  constructor(role: H2Role, conn: Conn, clock: Clock, handler: TransportHandler) {
    this.#role = role;
    this.#conn = conn;
    this.#clock = clock;
    this.#handler = handler;
    this.#decoder = new H2FrameDecoder(handler);
    this.#output = new H2Output(conn);
    if (role === "client") this.push(h2Preface);
  }

  get closed(): boolean {
    return this.#closed;
  }

  /** False while DATA should wait. */
  get writable(): boolean {
    return !this.#closed && this.#output.writable;
  }

  start(): void {
    this.#conn.start(this);
  }

  /** Sends a frame with what else this tick sends. */
  push(bytes: Uint8Array): void {
    if (this.#closed) return;
    try {
      this.#output.push(bytes);
    } catch (thrown) {
      // Reported later: the caller is in the middle of something.
      queueMicrotask(() => this.fail(thrown));
    }
    this.wake();
  }

  /** Asks for `onPump` at the end of this tick. */
  wake(): void {
    if (this.#scheduled || this.#closed) return;
    this.#scheduled = true;
    queueMicrotask(() => {
      this.#scheduled = false;
      this.#pump();
    });
  }

  /** Sends what waits and closes our half; the peer's closes the rest. */
  end(): void {
    if (!this.#closed) this.#output.end();
  }

  abort(): void {
    this.#close(undefined);
    this.#conn.abort();
  }

  /** Ends the connection for an error, which the peer is sent in a GOAWAY. */
  fail(thrown: unknown): void {
    if (this.#closed) return;
    const error = toKtError(thrown, "internal", "handling HTTP/2");
    const code = error instanceof H2Error ? error.h2Code : error.code === "protocol" ? h2Codes.compressionError : h2Codes.internalError;
    this.#conn.write(encodeGoaway(this.#handler.lastStreamId(), code));
    this.#conn.end();
    // An abort at once could take the GOAWAY with it.
    this.#clock.after(httpLimits.h2LingerMs, () => this.#conn.abort());
    this.#close(
      this.#role === "client" && error.code === "protocol" ? new KtError("backend-invalid", error.message, { cause: error }) : error,
    );
  }

  onData(bytes: Uint8Array): void {
    if (this.#closed) return;
    try {
      this.#decoder.receive(this.#role === "server" ? this.#takePreface(bytes) : this.#checkGreeting(bytes));
    } catch (thrown) {
      this.fail(thrown);
    }
  }

  onEnd(): void {
    if (!this.#closed) this.#handler.onFarEnd();
  }

  onDrain(): void {
    this.#output.drained();
    this.#pump();
  }

  onClose(error: KtError | undefined): void {
    this.#close(error);
  }

  #pump(): void {
    if (this.#closed) return;
    this.#handler.onPump();
    this.#output.flush();
  }

  /** What is behind the client's preface (RFC 9113 §3.4). */
  #takePreface(bytes: Uint8Array): Uint8Array {
    let at = 0;
    for (; this.#prefaceBytes < h2Preface.length && at < bytes.length; at++) {
      if (bytes[at] !== h2Preface[this.#prefaceBytes++]) throw new H2Error(h2Codes.protocolError, "another preface than HTTP/2's");
    }
    return bytes.subarray(at);
  }

  /** A server's first frame is a short SETTINGS; its first byte is 0. Other protocols are recognised by theirs. */
  #checkGreeting(bytes: Uint8Array): Uint8Array {
    if (this.#greeted || bytes.length === 0) return bytes;
    this.#greeted = true;
    if (bytes[0] === 0) return bytes;
    if (bytes[0] === 0x15) {
      throw new KtError("backend-invalid", "the backend answered with a TLS alert", {
        hints: ['set scheme = "https" on the route if it speaks TLS'],
      });
    }
    const answer = JSON.stringify(Buffer.from(bytes.subarray(0, 40)).toString("latin1"));
    throw new NotH2Error(`the backend does not speak HTTP/2: it answered ${answer}`);
  }

  #close(error: KtError | undefined): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#handler.onClosed(error);
  }
}
