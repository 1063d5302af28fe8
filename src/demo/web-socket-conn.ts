/** The server's end of a byte stream inside binary WebSocket messages, as a Conn. */

import type { Conn, ConnHandler } from "#base/conn.ts";
import type { KtError } from "#base/errors.ts";
import { toKtError } from "#base/errors.ts";
import { WsDecoder } from "#wire/ws-decoder.ts";
import { encodeWsClose, encodeWsFrame, wsCloseCodes, wsOpcodes } from "#wire/ws-frame.ts";

export class WebSocketConn implements Conn {
  readonly remoteAddress: string | undefined;
  readonly #conn: Conn;
  readonly #decoder: WsDecoder;
  #handler: ConnHandler | undefined;
  #error: KtError | undefined;
  #ended = false;
  #farEnded = false;

  constructor(conn: Conn) {
    this.#conn = conn;
    this.remoteAddress = conn.remoteAddress;
    this.#decoder = new WsDecoder("server", {
      onMessage: (_kind, bytes) => this.#handler?.onData(bytes),
      onPing: (payload) => void conn.write(encodeWsFrame(wsOpcodes.pong, [payload])),
      onPong() {},
      onClose: () => this.#end(),
    });
  }

  start(handler: ConnHandler): void {
    this.#handler = handler;
    this.#conn.start({
      onData: (bytes) => this.#decode(bytes),
      onEnd: () => this.#end(),
      onDrain: () => handler.onDrain(),
      onClose: (error) => handler.onClose(this.#error ?? error),
    });
  }

  /** Nothing is read before the upgrade, so there is nothing to put back. */
  unread(): void {}

  write(bytes: Uint8Array): boolean {
    return this.#ended || this.#conn.write(encodeWsFrame(wsOpcodes.binary, [bytes]));
  }

  end(): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#conn.write(encodeWsClose(wsCloseCodes.normal, ""));
    this.#conn.end();
  }

  abort(): void {
    this.#conn.abort();
  }

  pause(): void {
    this.#conn.pause();
  }

  resume(): void {
    this.#conn.resume();
  }

  #decode(bytes: Uint8Array): void {
    try {
      this.#decoder.decode(bytes);
    } catch (error) {
      this.#error = toKtError(error, "protocol", "read a WebSocket");
      this.#conn.abort();
    }
  }

  #end(): void {
    if (this.#farEnded) return;
    this.#farEnded = true;
    this.#handler?.onEnd();
  }
}
