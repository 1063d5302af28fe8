/** A WebSocket as a Conn: the payloads of binary messages, both ways (RFC 6455). */

import type { Conn, ConnHandler } from "#base/conn.ts";
import { KtError, toKtError } from "#base/errors.ts";
import { encodeWsClose, encodeWsFrame, type WsOpcode, wsCloseCodes, wsOpcodes } from "#wire/ws-frame.ts";
import { WsDecoder } from "#wire/ws-decoder.ts";
import { takeMask } from "./ws-mask.ts";

export type WsRole = "client" | "server";

/** Owns the Conn below. A WebSocket has no half-close: ending our half asks the peer to close too. */
export class WsConn implements Conn {
  readonly remoteAddress: string | undefined;
  readonly #below: Conn;
  readonly #decoder: WsDecoder;
  readonly #role: WsRole;
  #handler: ConnHandler | undefined;
  #phase: "new" | "started" | "closed" = "new";
  #paused = true;
  /** Payloads that arrived while paused. */
  #pending: Uint8Array[] = [];
  #closeSent = false;
  #peer: "open" | "ended" | "reported" = "open";
  #error: KtError | undefined;

  constructor(below: Conn, role: WsRole) {
    this.#below = below;
    this.#role = role;
    this.remoteAddress = below.remoteAddress;
    this.#decoder = new WsDecoder(role, {
      onMessage: (kind, bytes) => this.#received(kind, bytes),
      onPing: (payload) => void this.#below.write(this.#frame(wsOpcodes.pong, payload)),
      onPong() {},
      onClose: (code, reason) => this.#peerClosed(code, reason),
    });
  }

  start(handler: ConnHandler): void {
    this.#handler = handler;
    if (this.#phase === "closed") {
      queueMicrotask(() => handler.onClose(this.#error));
      return;
    }
    if (this.#phase === "started") {
      this.resume();
      return;
    }
    this.#phase = "started";
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
    if (this.#phase === "closed" || this.#closeSent || bytes.length === 0) return true;
    return this.#below.write(this.#frame(wsOpcodes.binary, bytes));
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
    if (this.#phase === "started") this.#below.pause();
  }

  resume(): void {
    if (!this.#paused || this.#phase === "closed") return;
    this.#paused = false;
    this.#deliver();
    if (!this.#paused) this.#below.resume();
  }

  /** Only a client masks what it sends (RFC 6455 §5.1). */
  #mask(): number | undefined {
    return this.#role === "client" ? takeMask() : undefined;
  }

  #frame(opcode: WsOpcode, payload: Uint8Array): Uint8Array {
    return encodeWsFrame(opcode, [payload], { mask: this.#mask() });
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
      if (this.#peer !== "ended") return;
      this.#peer = "reported";
      handler.onEnd();
    }
  }

  #peerClosed(code: number, reason: string): void {
    if (code !== wsCloseCodes.normal && code !== wsCloseCodes.goingAway && code !== wsCloseCodes.noStatus) {
      this.#error = new KtError("connection-lost", `the peer closed the WebSocket with code ${code}${reason === "" ? "" : `: ${reason}`}`);
    }
    this.#sendClose(wsCloseCodes.normal);
    this.#peerEnded();
  }

  #peerEnded(): void {
    if (this.#peer === "open") this.#peer = "ended";
    // Both close frames are on their way: what is left is the end of the connection below.
    this.#below.end();
  }

  #sendClose(code: number): void {
    if (this.#phase === "closed" || this.#closeSent) return;
    this.#closeSent = true;
    this.#below.write(encodeWsClose(code, "", this.#mask()));
    if (this.#peer !== "open") this.#below.end();
  }

  #belowEnded(): void {
    if (this.#peer === "open" && !this.#closeSent) {
      this.#error ??= new KtError("connection-lost", "the connection was closed without a WebSocket close");
    }
    this.#peerEnded();
    this.#deliver();
  }

  #belowClosed(error: KtError | undefined): void {
    this.#phase = "closed";
    this.#error ??= error;
    this.#pending = [];
    this.#handler?.onClose(this.#error);
  }
}
