/** The connection to a backend that speaks HTTP/2, as one of HTTP/1: each request is a stream, one after the other. */

import type { Clock } from "#base/clock.ts";
import type { Conn, ConnHandler } from "#base/conn.ts";
import { KtError, toKtError } from "#base/errors.ts";
import { BodyDecoder } from "#http/body-decoder.ts";
import { H2Session, type H2SessionHandler } from "#http/h2/session.ts";
import type { H2Stream, H2StreamHandler, StreamFailure } from "#http/h2/stream.ts";
import { proxyLimits } from "#proxy/limits.ts";
import type { TranslatedConn } from "#proxy/http1/backend.ts";
import { passesUpgrade } from "#proxy/http1/heads.ts";
import { h2Codes } from "#wire/h2-frame.ts";
import type { BackendScheme } from "#route/target.ts";
import { decodeRequestHead, type Header, type RequestHead, requestFraming } from "#wire/http-head.ts";
import { readResponse, readTrailers } from "./heads.ts";
import { HeldBytes } from "./held-bytes.ts";
import { fieldsFromHttp1, Http1Response } from "./http2-translation.ts";

/**
 * Until the first request nothing is sent. Where that asks for an upgrade the connection stays one of HTTP/1, for HTTP/2 has none:
 * many servers speak both on one port. In TLS the two have agreed on HTTP/2 before.
 */
export class Http1OverH2 implements TranslatedConn, H2SessionHandler, H2StreamHandler {
  readonly remoteAddress: string | undefined;
  readonly #below: Conn;
  readonly #clock: Clock;
  readonly #scheme: BackendScheme;
  readonly #held: HeldBytes;
  #handler: ConnHandler | undefined;
  #session: H2Session | undefined;
  /** "http1": bytes pass as they are. */
  #mode: "unused" | "http1" | "h2" | "closed" = "unused";
  #stream: H2Stream | undefined;
  #request: BodyDecoder | undefined;
  #response: Http1Response | undefined;
  /** Request bytes that the backend has not taken. */
  #unsentBytes = 0;

  constructor(below: Conn, clock: Clock, scheme: BackendScheme = "http") {
    this.#below = below;
    this.#clock = clock;
    this.#scheme = scheme;
    this.remoteAddress = below.remoteAddress;
    this.#held = new HeldBytes(
      (bytes) => this.#handler?.onData(bytes),
      (bytes) => this.#stream?.grant(bytes),
      () => this.#handler?.onEnd(),
    );
  }

  get isH2(): boolean {
    return this.#mode === "h2" || this.#scheme === "https";
  }

  start(handler: ConnHandler): void {
    this.#handler = handler;
    if (this.#session) {
      this.#held.resume();
      return;
    }
    this.#below.start({
      onData: (bytes) => this.#handler?.onData(bytes),
      onEnd: () => this.#handler?.onEnd(),
      onDrain: () => this.#handler?.onDrain(),
      onClose: (error) => this.#handler?.onClose(error),
    });
  }

  unread(bytes: Uint8Array): void {
    this.#below.unread(bytes);
  }

  /** A head comes whole, and with nothing before it. */
  write(bytes: Uint8Array): boolean {
    if (this.#mode === "http1") return this.#below.write(bytes);
    if (this.#mode === "closed") return true;
    try {
      const body = this.#request && !this.#request.done ? bytes : this.#begin(bytes);
      if (!body) return this.#below.write(bytes);
      this.#sendBody(body);
    } catch (thrown) {
      this.#close(toKtError(thrown, "internal", "sending the request"));
    }
    return this.#unsentBytes < proxyLimits.http1HeldBytes;
  }

  end(): void {
    if (this.#session) this.#session.drain();
    else this.#below.end();
  }

  abort(): void {
    if (this.#session) this.#session.abort();
    else this.#below.abort();
  }

  pause(): void {
    if (this.#session) this.#held.pause();
    else this.#below.pause();
  }

  resume(): void {
    if (this.#session) this.#held.resume();
    else this.#below.resume();
  }

  /** What follows the head; undefined for one that HTTP/2 cannot carry. */
  #begin(bytes: Uint8Array): Uint8Array | undefined {
    const decoded = decodeRequestHead(bytes);
    if (decoded === "short") throw new KtError("internal", "internal error: a request head in pieces");
    const { head, next } = decoded;
    if (!this.isH2 && passesUpgrade(head)) {
      this.#mode = "http1";
      return undefined;
    }
    this.#open(head);
    return bytes.subarray(next);
  }

  #open(head: RequestHead): void {
    const isFirst = this.#session === undefined;
    const session = this.#session ?? new H2Session("client", this.#below, this.#clock, this);
    this.#session = session;
    this.#mode = "h2";
    if (!session.accepts) throw new KtError("connection-lost", "the backend takes no more requests on its connection");
    this.#request = new BodyDecoder(requestFraming(head), "request-invalid");
    this.#response = new Http1Response(head);
    this.#stream = session.open(fieldsFromHttp1(head, this.#scheme), this.#request.done, this);
    // After the stream was opened, or one that fails at once would not fail it.
    if (isFirst) session.start();
  }

  #sendBody(bytes: Uint8Array): void {
    const [body, stream] = [this.#request, this.#stream];
    if (!body || !stream || bytes.length === 0) return;
    for (const piece of body.read(bytes)) {
      this.#unsentBytes += piece.length;
      stream.sendData(piece, false);
    }
    if (!body.done) return;
    if (body.trailers.length > 0) stream.sendHeaders(lowerNames(body.trailers), true);
    else stream.sendData(new Uint8Array(0), true);
  }

  // The stream.

  onHeaders(headers: readonly Header[], endStream: boolean): void {
    this.#answer((response) =>
      response.hasHead ? response.trailers(readTrailers(headers)) : response.head(readResponse(headers), endStream),
    );
  }

  onData(bytes: Uint8Array, endStream: boolean): void {
    this.#answer((response) => response.data(bytes, endStream), bytes.length);
  }

  onSent(bytes: number): void {
    const wasFull = this.#unsentBytes >= proxyLimits.http1HeldBytes;
    this.#unsentBytes -= bytes;
    if (wasFull && this.#unsentBytes < proxyLimits.http1HeldBytes) this.#handler?.onDrain();
  }

  onFailure({ code, error }: StreamFailure): void {
    // A backend that has answered asks in this way for no more of the request.
    if (this.#response?.isComplete && code === h2Codes.noError) return;
    this.#close(error ?? new KtError("connection-lost", `the backend reset the request (HTTP/2 error ${code})`));
  }

  #answer(translate: (response: Http1Response) => Uint8Array, takenBytes = 0): void {
    if (!this.#response || this.#mode === "closed") return;
    try {
      const bytes = translate(this.#response);
      this.#held.push(bytes, takenBytes, this.#response.isComplete && this.#response.endsWithConnection);
    } catch (thrown) {
      const { message } = toKtError(thrown, "internal", "reading the response");
      this.#close(new KtError("backend-invalid", `the backend's response is malformed HTTP/2: ${message}`));
    }
  }

  // The session.

  onStream(): void {}

  onConfigured(): void {}

  onIdle(): void {}

  onClose(error: KtError | undefined): void {
    this.#close(error);
  }

  #close(error: KtError | undefined): void {
    if (this.#mode === "closed") return;
    this.#mode = "closed";
    this.#session?.abort();
    this.#held.drop();
    this.#handler?.onClose(error);
  }
}

function lowerNames(headers: readonly Header[]): Header[] {
  return headers.map(([name, value]): Header => [name.toLowerCase(), value]);
}
