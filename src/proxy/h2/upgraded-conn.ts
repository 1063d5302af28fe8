/** The connection of an HTTP/1 backend that switched to WebSocket, as the data of an HTTP/2 stream (RFC 8441 §5). */

import { emptyBytes } from "#base/bytes.ts";
import type { Conn, ConnHandler } from "#base/conn.ts";
import type { KtError } from "#base/errors.ts";
import { proxyLimits } from "#proxy/limits.ts";
import type { H2StreamHandler } from "#http/h2/stream.ts";
import { h2Codes } from "#wire/h2-frame.ts";

export class UpgradedConn implements ConnHandler {
  readonly #handler: H2StreamHandler;
  #conn: Conn | undefined;
  /** What the client sent before there was a connection: its window bounds it. */
  #early: Uint8Array[] = [];
  #clientEnded = false;
  #backendEnded = false;
  /** Bytes for the client that it has not taken. */
  #heldBytes = 0;
  /** Bytes for the backend that it has not taken. */
  #unsentBytes = 0;

  constructor(handler: H2StreamHandler) {
    this.#handler = handler;
  }

  get isStarted(): boolean {
    return this.#conn !== undefined;
  }

  /** The backend has switched: owns its Conn from now on. */
  start(conn: Conn): void {
    this.#conn = conn;
    for (const bytes of this.#early.splice(0)) this.#write(conn, bytes);
    if (this.#clientEnded) conn.end();
    conn.start(this);
  }

  /** Bytes of the client; END_STREAM is the FIN of TCP. */
  send(bytes: Uint8Array, endStream: boolean): void {
    this.#clientEnded ||= endStream;
    if (!this.#conn) {
      if (bytes.length > 0) this.#early.push(bytes);
      return;
    }
    if (bytes.length > 0) this.#write(this.#conn, bytes);
    if (endStream) this.#conn.end();
  }

  /** The client has taken so many bytes. */
  grant(bytes: number): void {
    const wasFull = this.#heldBytes >= proxyLimits.http1HeldBytes;
    this.#heldBytes -= bytes;
    if (wasFull && this.#heldBytes < proxyLimits.http1HeldBytes) this.#conn?.resume();
  }

  abort(): void {
    this.#backendEnded = true;
    this.#conn?.abort();
  }

  onData(bytes: Uint8Array): void {
    this.#heldBytes += bytes.length;
    if (this.#heldBytes >= proxyLimits.http1HeldBytes) this.#conn?.pause();
    this.#handler.onData(bytes, false);
  }

  onEnd(): void {
    this.#backendEnded = true;
    this.#handler.onData(emptyBytes, true);
  }

  onDrain(): void {
    this.#tellSent();
  }

  /** A reset travels as one (RFC 8441 §5). It says nothing of the route: pods that go end WebSockets so. */
  onClose(error: KtError | undefined): void {
    if (error) this.#handler.onFailure({ code: h2Codes.cancel, refused: false, error: undefined });
    else if (!this.#backendEnded) this.onEnd();
  }

  #write(conn: Conn, bytes: Uint8Array): void {
    this.#unsentBytes += bytes.length;
    if (conn.write(bytes)) this.#tellSent();
  }

  #tellSent(): void {
    const sent = this.#unsentBytes;
    this.#unsentBytes = 0;
    if (sent > 0) this.#handler.onSent(sent);
  }
}
