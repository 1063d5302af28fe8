/** A WebSocket as a Conn: the payloads of binary messages, both ways (RFC 6455). */

import type { Conn, ConnHandler } from "#base/conn.ts";
import { KtError, toKtError } from "#base/errors.ts";
import { encodeWsClose, encodeWsFrame, wsCloseCodes, wsOpcodes } from "#wire/ws-frame.ts";
import { WsDecoder } from "#wire/ws-decoder.ts";
import { takeMask } from "./ws-mask.ts";

/** Owns the Conn below. A WebSocket has no half-close: ending our half asks the far end to close too. */
export class WsConn implements Conn {
  readonly remoteAddress: string | undefined;
  readonly #below: Conn;
  readonly #decoder: WsDecoder;
  #handler: ConnHandler | undefined;
  #started = false;
  #paused = true;
  /** Payloads that arrived while paused. */
  #pending: Uint8Array[] = [];
  #closeSent = false;
  #farEnd: "open" | "ended" | "told" = "open";
  #error: KtError | undefined;
  #closed = false;

  constructor(below: Conn) {
    this.#below = below;
    this.remoteAddress = below.remoteAddress;
    this.#decoder = new WsDecoder("client", {
      onMessage: (kind, bytes) => this.#received(kind, bytes),
      onPing: (payload) => void this.#below.write(encodeWsFrame(wsOpcodes.pong, [payload], { mask: takeMask() })),
      onPong() {},
      onClose: (code, reason) => this.#farClosed(code, reason),
    });
  }

  start(handler: ConnHandler): void {
    this.#handler = handler;
    if (this.#closed) {
      queueMicrotask(() => handler.onClose(this.#error));
      return;
    }
    if (this.#started) {
      this.resume();
      return;
    }
    this.#started = true;
    this.#paused = false;
    this.#deliver();
    this.#below.start({
      onData: (bytes) => this.#decode(bytes),
      onEnd: () => this.#belowEnded(),
      onDrain: () => this.#handler?.onDrain(),
      onClose: (error) => this.#belowClosed(error),
    });
    if (this.#paused) this.#below.pause();
  }

  unread(bytes: Uint8Array): void {
    if (bytes.length > 0) this.#pending.unshift(bytes);
  }

  write(bytes: Uint8Array): boolean {
    if (this.#closed || this.#closeSent || bytes.length === 0) return true;
    return this.#below.write(encodeWsFrame(wsOpcodes.binary, [bytes], { mask: takeMask() }));
  }

  end(): void {
    this.#sendClose(wsCloseCodes.normal);
  }

  abort(): void {
    this.#below.abort();
  }

  pause(): void {
    if (this.#paused) return;
    this.#paused = true;
    if (this.#started) this.#below.pause();
  }

  resume(): void {
    if (!this.#paused || this.#closed) return;
    this.#paused = false;
    this.#deliver();
    if (!this.#paused) this.#below.resume();
  }

  #decode(bytes: Uint8Array): void {
    try {
      this.#decoder.decode(bytes);
    } catch (error) {
      this.#error = toKtError(error, "protocol", "read a WebSocket frame");
      this.#below.abort();
      return;
    }
    this.#deliver();
  }

  #received(kind: "text" | "binary", bytes: Uint8Array): void {
    if (kind === "text") throw new KtError("protocol", "the peer sent text over a WebSocket that carries bytes");
    if (bytes.length > 0) this.#pending.push(bytes);
  }

  #deliver(): void {
    const handler = this.#handler;
    while (handler && handler === this.#handler && !this.#paused) {
      const bytes = this.#pending.shift();
      if (bytes) {
        handler.onData(bytes);
        continue;
      }
      if (this.#farEnd !== "ended") return;
      this.#farEnd = "told";
      handler.onEnd();
    }
  }

  #farClosed(code: number, reason: string): void {
    if (code !== wsCloseCodes.normal && code !== wsCloseCodes.goingAway && code !== wsCloseCodes.noStatus) {
      this.#error = new KtError(
        "connection-lost",
        `the far end closed the WebSocket with code ${code}${reason === "" ? "" : `: ${reason}`}`,
      );
    }
    this.#sendClose(wsCloseCodes.normal);
    this.#farEnded();
  }

  #farEnded(): void {
    if (this.#farEnd === "open") this.#farEnd = "ended";
    // Both close frames are on their way: what is left is the end of the connection below.
    this.#below.end();
  }

  #sendClose(code: number): void {
    if (this.#closed || this.#closeSent) return;
    this.#closeSent = true;
    this.#below.write(encodeWsClose(code, "", takeMask()));
    if (this.#farEnd !== "open") this.#below.end();
  }

  #belowEnded(): void {
    if (this.#farEnd === "open" && !this.#closeSent) {
      this.#error ??= new KtError("connection-lost", "the connection was closed without a WebSocket close");
    }
    this.#farEnded();
    this.#deliver();
  }

  #belowClosed(error: KtError | undefined): void {
    this.#closed = true;
    this.#error ??= error;
    this.#pending = [];
    this.#handler?.onClose(this.#error);
  }
}
