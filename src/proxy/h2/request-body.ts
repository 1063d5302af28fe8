/** The body of one HTTP/2 request on its way to a backend: kept as long as it may have to be sent again. */

import { proxyLimits } from "#proxy/limits.ts";
import type { Header } from "#wire/http-head.ts";

/** Where a body goes: a backend's stream. */
export interface BodySink {
  sendData(bytes: Uint8Array, endStream: boolean): void;
  sendHeaders(trailers: readonly Header[], endStream: true): void;
}

export class H2RequestBody {
  /** Undefined once the beginning is gone. */
  #kept: Uint8Array[] | undefined = [];
  #keptBytes = 0;
  #trailers: readonly Header[] | undefined;
  #ended: boolean;
  /** Sent in this attempt; granted to the client in all. Bytes sent again must not be granted again. */
  #sentBytes = 0;
  #grantedBytes = 0;
  #stream: BodySink | undefined;

  constructor(ended: boolean) {
    this.#ended = ended;
  }

  get ended(): boolean {
    return this.#ended;
  }

  /** Whether the request has no body at all, as far as is known. */
  get empty(): boolean {
    return this.#keptBytes === 0 && this.#kept !== undefined && this.#trailers === undefined;
  }

  /** Whether everything that came is still there to be sent again. */
  get repeatable(): boolean {
    return this.#kept !== undefined;
  }

  add(bytes: Uint8Array, ended: boolean): void {
    this.#ended ||= ended;
    if (bytes.length > 0) this.#keep(bytes);
    this.#stream?.sendData(bytes, ended);
  }

  end(trailers: readonly Header[]): void {
    this.#ended = true;
    this.#trailers = trailers;
    this.#stream?.sendHeaders(trailers, true);
  }

  /** Sends what came so far on `stream`, and what comes from now on. */
  sendOn(stream: BodySink): void {
    this.#stream = stream;
    this.#sentBytes = 0;
    if (this.empty) return;
    const chunks = this.#kept ?? [];
    for (const [index, bytes] of chunks.entries()) {
      stream.sendData(bytes, this.#ended && this.#trailers === undefined && index === chunks.length - 1);
    }
    if (this.#trailers) stream.sendHeaders(this.#trailers, true);
    this.#forgetIfLong();
  }

  /** From now on it need not be sent again. */
  forget(): void {
    this.#kept = undefined;
  }

  /** Counts bytes that left for the backend; returns how many of them the client should be granted. */
  sent(bytes: number): number {
    this.#sentBytes += bytes;
    const due = Math.max(0, this.#sentBytes - this.#grantedBytes);
    this.#grantedBytes += due;
    return due;
  }

  #keep(bytes: Uint8Array): void {
    if (!this.#kept) return;
    this.#kept.push(bytes);
    this.#keptBytes += bytes.length;
    if (this.#stream) this.#forgetIfLong();
  }

  /** Before there is a backend everything is kept: the client's window bounds it. */
  #forgetIfLong(): void {
    if (this.#keptBytes > proxyLimits.h2ReplayBytes) this.forget();
  }
}
