/** One request over HTTP/2: the client's stream, the backend's stream, and what passes between them. */

import type { Clock } from "#base/clock.ts";
import type { RetryPolicy } from "#proxy/door/context.ts";
import { type RequestTimeouts, RequestTimer } from "#proxy/door/request-timer.ts";
import { KtError, messageOf, toKtError } from "#base/errors.ts";
import type { RequestMeter } from "#observe/meter.ts";
import type { Found } from "#route/lookup.ts";
import { h2Codes } from "#wire/h2-frame.ts";
import { type Header, headerValue } from "#wire/http-head.ts";
import { BodyLength } from "#http/h2/body-length.ts";
import type { Backends } from "#proxy/http1/backends.ts";
import { type H2Backend, type H2Backends, NoWebSocketError } from "./backends.ts";
import { asksForWebSocket, type H2Request, type H2Response, readResponse, readTrailers, requestFields } from "./heads.ts";
import { type BodySink, H2RequestBody } from "./request-body.ts";
import type { H2Stream, H2StreamHandler, StreamFailure } from "#http/h2/stream.ts";
import type { ClientSide } from "#proxy/http1/heads.ts";
import { Http1Stream } from "./http1-stream.ts";
import { isIdempotent } from "#http/fields.ts";
import { NotH2Error } from "#http/h2/not-h2.ts";
import { type Answer, refusalFor, statusOf } from "#proxy/pages/refusal.ts";

export interface ExchangeContext {
  readonly backends: H2Backends;
  /** For backends that have no HTTP/2. */
  readonly http1: Backends;
  readonly clock: Clock;
  readonly route: Found;
  readonly authority: string;
  readonly client: ClientSide | undefined;
  readonly meter: RequestMeter;
  readonly retry: RetryPolicy;
  readonly timeouts: RequestTimeouts | undefined;
  /** Told of every failure that the client reads of. */
  readonly onRefused: (error: KtError) => void;
}

/** What an exchange needs of the stream to its backend, which may be an HTTP/1 request in its place. */
interface BackendStream extends BodySink {
  grant(bytes: number): void;
  reset(code: number): void;
  violate(code: number, error: KtError | undefined): void;
}

/** Where the request is. `forwarding`: on a backend's stream; `answered`: the response has begun; `over`: the client's stream is. */
type State =
  | { readonly kind: "waiting"; readonly cancel: () => void }
  | { readonly kind: "forwarding" | "answered"; readonly backend: BackendStream }
  | { readonly kind: "over" };

const otherLength = "another length than its content-length";

function invalidResponse(what: string): KtError {
  return new KtError("backend-invalid", `the backend's response is malformed HTTP/2: ${what}`);
}

/** The length that a response's body must have; what answers HEAD, or says that nothing changed, announces another's. */
function announced(response: H2Response, request: H2Request): number | undefined {
  return request.method === "HEAD" || response.status === 304 || opensWebSocket(request, response.status)
    ? undefined
    : response.contentLength;
}

/** What follows belongs to no message any more (RFC 8441 §5). */
function opensWebSocket(request: H2Request, status: number): boolean {
  return asksForWebSocket(request) && status >= 200 && status < 300;
}

/** In trailers, or in a head that is also the end. */
function grpcStatusIn(fields: readonly Header[]): number | undefined {
  const status = Number(headerValue(fields, "grpc-status") ?? Number.NaN);
  return Number.isInteger(status) && status >= 0 && status < 100 ? status : undefined;
}

function noGrpc({ route }: Found): KtError {
  return new KtError("backend-invalid", `the backend of "${route}" speaks HTTP/1 only, and gRPC needs HTTP/2`, {
    hints: ["let the route lead to the port that serves gRPC"],
  });
}

/** HTTP/2 knows names in lower case only. */
function lowerNames(headers: readonly Header[]): Header[] {
  return headers.map(([name, value]): Header => [name.toLowerCase(), value]);
}

/** Answers a stream with the refusal that the client asked for, and ends it. */
export function refuse(client: H2Stream, request: H2Request | undefined, error: KtError): void {
  const wants = { accept: request?.accept, grpc: request?.grpc ?? false, host: request?.authority };
  sendAnswer(client, request?.method, refusalFor(error, wants));
}

/** Answers a stream with one of kt's own answers, and ends it. */
export function sendAnswer(client: H2Stream, method: string | undefined, { status, headers, body }: Answer): void {
  const bodiless = body.length === 0 || method === "HEAD";
  client.sendHeaders([[":status", String(status)], ...lowerNames(headers)], bodiless);
  if (!bodiless) client.sendData(body, true);
  // RFC 9113 §8.1: a client that is still sending is asked to stop.
  if (!client.remoteEnded) client.resetAfterSend(h2Codes.noError);
}

export class H2Exchange implements H2StreamHandler {
  readonly #client: H2Stream;
  readonly #request: H2Request;
  readonly #context: ExchangeContext;
  readonly #body: H2RequestBody;
  readonly #requestLength: BodyLength;
  #responseLength = new BodyLength(undefined);
  #state: State = { kind: "over" };
  /** How often it was sent again. */
  #retries = 0;
  /** True once its whole response has been. */
  #complete = false;
  /** Of the final head, once it has been passed on. */
  #status: number | undefined;
  readonly #timer: RequestTimer | undefined;

  constructor(client: H2Stream, request: H2Request, context: ExchangeContext) {
    this.#client = client;
    this.#request = request;
    this.#context = context;
    this.#body = new H2RequestBody(client.remoteEnded);
    this.#requestLength = new BodyLength(request.contentLength);
    const { timeouts, clock } = context;
    this.#timer = timeouts && new RequestTimer(timeouts, clock, request.grpc, (error) => this.#late(error));
    this.#timer?.begin(client.remoteEnded);
  }

  start(avoided?: H2Backend): void {
    let settled = false;
    const { backends, route, authority } = this.#context;
    // A gRPC call asks again: it can do without an answer no longer than the memory lasts.
    if ((!this.#request.grpc || route.manner?.protocol === "http1") && backends.isHttp1(route, authority)) {
      this.#forwardInHttp1();
      return;
    }
    const cancel = backends.acquire(
      { route, authority, avoided, connects: asksForWebSocket(this.#request) },
      (backend) => {
        settled = true;
        this.#forward(backend);
      },
      (error) => {
        settled = true;
        if (error instanceof NotH2Error) this.#forwardInHttp1();
        else if (error instanceof NoWebSocketError) this.#forwardInHttp1(true);
        else this.#refuse(error);
      },
    );
    if (!settled) this.#state = { kind: "waiting", cancel };
  }

  // The client's stream.

  onHeaders(headers: readonly Header[], endStream: boolean): void {
    try {
      const trailers = readTrailers(headers);
      if (!endStream) throw new KtError("request-invalid", "trailers that do not end the request");
      if (!this.#requestLength.add(0, true)) throw new KtError("request-invalid", "another content-length than announced");
      this.#body.end(trailers);
      this.#received();
    } catch (thrown) {
      this.#client.violate(h2Codes.protocolError, toKtError(thrown, "internal", "reading trailers"));
    }
  }

  onData(bytes: Uint8Array, endStream: boolean): void {
    if (!this.#requestLength.add(bytes.length, endStream)) {
      this.#client.violate(h2Codes.protocolError, new KtError("request-invalid", "another content-length than announced"));
      return;
    }
    if (this.#state.kind === "over") return;
    this.#context.meter.add("sent", bytes.length);
    this.#body.add(bytes, endStream);
    if (endStream) this.#received();
  }

  #received(): void {
    this.#timer?.received();
    if (this.#state.kind === "forwarding") this.#timer?.sent(undefined);
  }

  /** The client reads what is late, or that its response is not whole. */
  #late(error: KtError): void {
    const state = this.#state;
    this.#state = { kind: "over" };
    if (state.kind === "waiting") state.cancel();
    else if (state.kind !== "over") state.backend.reset(h2Codes.cancel);
    if (this.#headSent) this.#breakOff(error);
    else this.#refuse(error);
  }

  onSent(bytes: number): void {
    if (this.#state.kind === "answered") this.#state.backend.grant(bytes);
  }

  onFailure({ code }: StreamFailure): void {
    const state = this.#state;
    this.#state = { kind: "over" };
    this.#end(this.#status);
    if (state.kind === "waiting") state.cancel();
    else if (state.kind !== "over") state.backend.reset(code);
  }

  // The backend's stream.

  #forward(backend: H2Backend): void {
    const { authority, route, client } = this.#context;
    const fields = requestFields(this.#request, authority, route.scheme, client);
    const stream = backend.session.open(fields, this.#body.ended && this.#body.empty, {
      onHeaders: (headers, endStream) => this.#answer(headers, endStream),
      onData: (bytes, endStream) => this.#answerData(bytes, endStream),
      onSent: (bytes) => this.#client.grant(this.#body.sent(bytes)),
      onFailure: (failure) => this.#backendFailed(backend, failure),
    });
    this.#forwarding(stream);
  }

  #forwarding(stream: BackendStream): void {
    this.#state = { kind: "forwarding", backend: stream };
    this.#body.sendOn(stream);
    if (this.#body.ended) this.#timer?.sent(undefined);
  }

  /** `speaksH2`: the backend has HTTP/2 all the same. */
  #forwardInHttp1(speaksH2 = false): void {
    const { authority, route, client, backends, http1, clock, retry, meter } = this.#context;
    if (this.#request.grpc) {
      this.#refuse(noGrpc(route));
      return;
    }
    const stream = new Http1Stream({
      backends: http1,
      found: route,
      request: this.#request,
      authority,
      client,
      ended: this.#body.ended && this.#body.empty,
      clock,
      retry,
      onRetry: () => meter.retried(),
      handler: {
        onHeaders: (headers, endStream) => {
          if (!speaksH2) backends.noteHttp1(route, authority, true);
          this.#answer(headers, endStream);
        },
        onData: (bytes, endStream) => this.#answerData(bytes, endStream),
        onSent: (bytes) => this.#client.grant(this.#body.sent(bytes)),
        onFailure: (failure) => {
          if (failure.error && !speaksH2) backends.noteHttp1(route, authority, false);
          this.#backendFailed(undefined, failure);
        },
      },
    });
    this.#forwarding(stream);
    stream.begin();
  }

  #answer(headers: readonly Header[], endStream: boolean): void {
    const state = this.#state;
    if (state.kind === "over" || state.kind === "waiting") return;
    let fields: readonly Header[];
    try {
      fields = this.#headSent ? this.#readTrailers(headers, endStream) : this.#readHead(headers, endStream);
    } catch (thrown) {
      state.backend.violate(h2Codes.protocolError, invalidResponse(messageOf(thrown)));
      return;
    }
    this.#state = { kind: "answered", backend: state.backend };
    this.#body.forget();
    this.#complete = endStream;
    this.#client.sendHeaders(fields, endStream);
    // As in HTTP/1, the request is over once its WebSocket is open, and what passes then counts for the route.
    if (opensWebSocket(this.#request, this.#status ?? 0)) this.#context.meter.end(this.#status);
    if (!endStream) return;
    if (this.#request.grpc) this.#context.meter.grpcStatus = grpcStatusIn(fields);
    this.#end(this.#status);
  }

  get #headSent(): boolean {
    return this.#status !== undefined;
  }

  #readTrailers(headers: readonly Header[], endStream: boolean): readonly Header[] {
    const trailers = readTrailers(headers);
    if (!endStream) throw new KtError("backend-invalid", "trailers that do not end the response");
    if (!this.#responseLength.add(0, true)) throw new KtError("backend-invalid", otherLength);
    return trailers;
  }

  /** An interim head or the final one. */
  #readHead(headers: readonly Header[], endStream: boolean): readonly Header[] {
    const response = readResponse(headers);
    const interim = response.status < 200;
    if (interim && endStream) throw new KtError("backend-invalid", "an interim head that ends the response");
    if (interim) return response.headers;
    this.#responseLength = new BodyLength(announced(response, this.#request));
    if (endStream && !this.#responseLength.add(0, true)) throw new KtError("backend-invalid", otherLength);
    this.#status = response.status;
    this.#context.meter.answered();
    this.#timer?.answered();
    return response.headers;
  }

  #answerData(bytes: Uint8Array, endStream: boolean): void {
    const state = this.#state;
    if (state.kind === "over" || state.kind === "waiting") return;
    if (!this.#headSent || !this.#responseLength.add(bytes.length, endStream)) {
      const error = invalidResponse(this.#headSent ? otherLength : "a body before its head");
      state.backend.violate(h2Codes.protocolError, error);
      return;
    }
    this.#context.meter.add("received", bytes.length);
    this.#complete = endStream;
    this.#client.sendData(bytes, endStream);
    if (endStream) this.#end(this.#status);
  }

  /** `backend`: undefined for one that was asked in HTTP/1, which has tried again itself where it could. */
  #backendFailed(backend: H2Backend | undefined, failure: StreamFailure): void {
    const state = this.#state;
    if (state.kind === "over") return;
    if (state.kind === "forwarding" && failure.error instanceof NotH2Error && this.#body.repeatable) {
      this.#forwardInHttp1();
      return;
    }
    if (backend && state.kind === "forwarding" && this.#mayRetry(failure)) {
      this.#retry(backend);
      return;
    }
    if (failure.error && state.kind === "forwarding") this.#refuse(failure.error);
    else if (failure.error) this.#breakOff(failure.error);
    else this.#client.resetAfterSend(failure.code);
  }

  /** Only where the backend has not acted on the request, as it says itself, or may act on it twice. */
  #mayRetry({ refused, error }: StreamFailure): boolean {
    const { max } = this.#context.retry;
    if (!this.#body.repeatable) return false;
    if (refused) return this.#retries < Math.max(1, max);
    return error?.code === "connection-lost" && this.#retries < max && this.#body.empty && isIdempotent(this.#request.method);
  }

  /** At once at first: its connection is mostly one that others used before. */
  #retry(lost: H2Backend): void {
    const { clock, retry, meter } = this.#context;
    const delayMs = this.#retries === 0 ? 0 : retry.delayMs;
    this.#retries += 1;
    meter.retried();
    this.#timer?.rewound();
    if (delayMs === 0) this.start(lost);
    else this.#state = { kind: "waiting", cancel: clock.after(delayMs, () => this.start(lost)) };
  }

  /** The response has begun, so all that can be said is that it is not whole; gRPC has words for that in trailers. */
  #breakOff(error: KtError): void {
    if (this.#complete) {
      this.#client.resetAfterSend(h2Codes.noError);
      return;
    }
    this.#context.onRefused(error);
    this.#end(this.#status);
    if (!this.#request.grpc || !this.#headSent) {
      this.#client.resetAfterSend(h2Codes.internalError);
      return;
    }
    const { headers } = refusalFor(error, { accept: undefined, grpc: true, host: this.#context.authority });
    const trailers = lowerNames(headers).filter(([name]) => name.startsWith("grpc-"));
    this.#client.sendHeaders(trailers, true);
    if (!this.#client.remoteEnded) this.#client.resetAfterSend(h2Codes.noError);
  }

  #end(status: number | undefined): void {
    this.#timer?.end();
    this.#context.meter.end(status);
  }

  #refuse(error: KtError): void {
    this.#state = { kind: "over" };
    this.#context.onRefused(error);
    this.#end(statusOf(error));
    refuse(this.#client, this.#request, error);
  }
}
