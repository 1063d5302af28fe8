/** An HTTP/1 request to a backend that looks like a backend's HTTP/2 stream, for clients of HTTP/2 whose backend has none. */

import { ByteQueue, emptyBytes } from "#base/bytes.ts";
import type { Clock } from "#base/clock.ts";
import { KtError, toKtError } from "#base/errors.ts";
import { BodyDecoder } from "#http/body-decoder.ts";
import { proxyLimits } from "#proxy/limits.ts";
import type { Found } from "#route/lookup.ts";
import { h2Codes } from "#wire/h2-frame.ts";
import { encodeChunk, encodeLastChunk } from "#wire/http-chunks.ts";
import { decodeResponseHead, type Header, headerValue, type ResponseHead, responseFraming } from "#wire/http-head.ts";
import type { Conn } from "#base/conn.ts";
import type { RetryPolicy } from "#proxy/door/context.ts";
import type { Backends } from "#proxy/http1/backends.ts";
import { backendRequest, Exchange, type ExchangeClient } from "#proxy/http1/exchange.ts";
import { asksForWebSocket, type H2Request } from "./heads.ts";
import type { H2StreamHandler } from "#http/h2/stream.ts";
import { type ClientSide, requestForBackend } from "#proxy/http1/heads.ts";
import { headFromHttp1, http1Request, http1Upgrade, openedFromHttp1, trailersFromHttp1 } from "./http1-translation.ts";
import { UpgradedConn } from "./upgraded-conn.ts";
import { WebSocketKey } from "./web-socket-key.ts";

export interface Http1StreamOptions {
  readonly backends: Backends;
  readonly found: Found;
  readonly request: H2Request;
  readonly authority: string;
  readonly client: ClientSide | undefined;
  /** True when the request has no body. */
  readonly ended: boolean;
  readonly handler: H2StreamHandler;
  readonly clock: Pick<Clock, "now" | "after">;
  readonly retry: RetryPolicy;
  /** The request is sent again. */
  readonly onRetry: () => void;
}

export class Http1Stream implements ExchangeClient {
  readonly #options: Http1StreamOptions;
  readonly #handler: H2StreamHandler;
  readonly #exchange: Exchange;
  readonly #chunked: boolean;
  readonly #headBytes = new ByteQueue();
  /** Of a request for a WebSocket. */
  readonly #socket: { readonly key: WebSocketKey; readonly conn: UpgradedConn } | undefined;
  #body: BodyDecoder | undefined;
  /** Response bytes that the client has not taken. */
  #heldBytes = 0;
  /** Request bytes that the backend has not taken, while it is paused. */
  #unsentBytes = 0;
  #paused = false;
  /** "ended": the client has the whole response; "over": nothing more is sent or received. */
  #phase: "open" | "ended" | "over" = "open";

  constructor(options: Http1StreamOptions) {
    this.#options = options;
    this.#handler = options.handler;
    const { request, authority, found, client, ended } = options;
    if (asksForWebSocket(request)) this.#socket = { key: new WebSocketKey(), conn: new UpgradedConn(options.handler) };
    const head = this.#socket ? http1Upgrade(request, authority, this.#socket.key.field) : http1Request(request, authority, ended);
    if (ended) this.#socket?.conn.send(emptyBytes, true);
    this.#chunked = head.chunked;
    this.#exchange = new Exchange({
      head,
      headBytes: requestForBackend(head, client),
      found,
      request: backendRequest(found, authority, head, options.retry),
      backends: options.backends,
      client: this,
      count: { add() {}, retried: options.onRetry },
      keepAlive: true,
      clock: options.clock,
      retry: options.retry,
      timeouts: undefined,
    });
  }

  // What the holder of the stream does.

  begin(): void {
    this.#exchange.begin();
  }

  sendData(bytes: Uint8Array, endStream: boolean): void {
    if (this.#phase === "over") return;
    this.#socket?.conn.send(bytes, endStream);
    if (this.#exchange.requestDone) return;
    this.#unsentBytes += bytes.length;
    if (bytes.length > 0) this.#exchange.requestBytes(this.#chunked ? encodeChunk(bytes) : bytes);
    if (endStream && this.#chunked) this.#exchange.requestBytes(encodeLastChunk([]));
    this.#tellSent();
  }

  /** Trailers; a body with a length has no place for them. */
  sendHeaders(trailers: readonly Header[], _endStream: true): void {
    if (this.#phase !== "over" && this.#chunked && !this.#exchange.requestDone) this.#exchange.requestBytes(encodeLastChunk(trailers));
  }

  grant(bytes: number): void {
    if (this.#socket?.conn.isStarted) {
      this.#socket.conn.grant(bytes);
      return;
    }
    const wasFull = this.#heldBytes >= proxyLimits.http1HeldBytes;
    this.#heldBytes -= bytes;
    if (this.#phase !== "over" && wasFull && this.#heldBytes < proxyLimits.http1HeldBytes) this.#exchange.clientDrained();
  }

  reset(_code: number): void {
    if (this.#phase === "over") return;
    this.#phase = "over";
    this.#exchange.cancel();
    this.#socket?.conn.abort();
  }

  violate(code: number, error: KtError | undefined): void {
    if (this.#phase === "over") return;
    this.reset(code);
    this.#handler.onFailure({ code, refused: false, error });
  }

  // What the exchange does.

  write(bytes: Uint8Array): boolean {
    if (this.#phase === "over") return true;
    try {
      if (this.#body) this.#takeBody(this.#body, bytes);
      else this.#takeHeads(bytes);
    } catch (thrown) {
      this.violate(h2Codes.internalError, toKtError(thrown, "backend-invalid", "reading the response"));
    }
    return this.#heldBytes < proxyLimits.http1HeldBytes;
  }

  pauseRequest(): void {
    this.#paused = true;
  }

  resumeRequest(): void {
    this.#paused = false;
    this.#tellSent();
  }

  exchangeDone(): void {
    if (this.#phase === "over") return;
    if (this.#phase === "open") this.#endWith(emptyBytes);
    this.#phase = "over";
    // A backend that has answered before the request ended reads no more of it, nor of a WebSocket that it refused.
    if (this.#socket || !this.#exchange.requestDone) this.#handler.onFailure({ code: h2Codes.noError, refused: false, error: undefined });
  }

  exchangeRefused(error: KtError): void {
    this.#fail(error);
  }

  exchangeBroken(error: KtError): void {
    this.#fail(error);
  }

  /** Only what asked for a WebSocket comes here. */
  exchangeUpgraded(conn: Conn): void {
    if (this.#phase === "over") conn.abort();
    else this.#socket?.conn.start(conn);
  }

  #fail(error: KtError): void {
    if (this.#phase === "over") return;
    this.#phase = "over";
    this.#handler.onFailure({ code: h2Codes.internalError, refused: false, error });
  }

  #tellSent(): void {
    const sent = this.#paused ? 0 : this.#unsentBytes;
    this.#unsentBytes -= sent;
    if (sent > 0) this.#handler.onSent(sent);
  }

  /** Interim heads and the final one, each as soon as it is whole; what follows the final one is body. */
  #takeHeads(bytes: Uint8Array): void {
    this.#headBytes.push(bytes);
    while (!this.#body && this.#phase === "open") {
      const decoded = decodeResponseHead(this.#headBytes.peek());
      if (decoded === "short") return;
      this.#headBytes.take(decoded.next);
      if (decoded.head.status === 101) {
        this.#takeSwitch(decoded.head);
        return;
      }
      this.#takeHead(decoded.head);
    }
    const rest = this.#headBytes.takeAll();
    if (this.#body && rest.length > 0 && this.#phase === "open") this.#takeBody(this.#body, rest);
  }

  /** The exchange lets a 101 pass only where an upgrade was asked for. */
  #takeSwitch(head: ResponseHead): void {
    if (this.#socket?.key.isAnsweredBy(headerValue(head.headers, "sec-websocket-accept")) !== true)
      throw new KtError(
        "backend-invalid",
        "the backend switched protocols with the wrong Sec-WebSocket-Accept, so it does not speak WebSocket",
      );
    this.#handler.onHeaders(openedFromHttp1(head), false);
  }

  #takeHead(head: ResponseHead): void {
    const interim = head.status < 200;
    // To the client a success would say that the WebSocket is open.
    if (this.#socket && !interim && head.status < 300)
      throw new KtError("backend-invalid", `the backend answered ${head.status} where it was asked to switch to WebSocket`);
    if (!interim) {
      this.#body = new BodyDecoder(responseFraming(head, this.#options.request.method), "backend-invalid");
      if (this.#body.done) this.#phase = "ended";
    }
    this.#handler.onHeaders(headFromHttp1(head), this.#phase === "ended");
  }

  #takeBody(body: BodyDecoder, bytes: Uint8Array): void {
    const data = body.read(bytes);
    const last = body.done && body.trailers.length === 0 ? data.length - 1 : data.length;
    for (const [at, piece] of data.entries()) if (at !== last) this.#passOn(piece, false);
    if (!body.done || this.#phase !== "open") return;
    if (body.trailers.length === 0) this.#endWith(data.at(last) ?? emptyBytes);
    else {
      this.#phase = "ended";
      this.#handler.onHeaders(trailersFromHttp1(body.trailers), true);
    }
  }

  #endWith(bytes: Uint8Array): void {
    this.#phase = "ended";
    this.#passOn(bytes, true);
  }

  #passOn(bytes: Uint8Array, endStream: boolean): void {
    if (this.#phase === "over") return;
    this.#heldBytes += bytes.length;
    this.#handler.onData(bytes, endStream);
  }
}
