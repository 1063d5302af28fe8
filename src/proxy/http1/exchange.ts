/**
 * One HTTP/1 request and its response: takes a backend, passes bodies both ways, and tries again where that is safe. This engine is
 * not the client and server of `http`: it passes bodies on in the framing they came in, and mostly heads as well, where those take
 * messages apart. What both do alike, the heads, the fields and the framing, is in `wire` and `http/fields.ts`.
 */

import { ByteQueue, concatBytes } from "#base/bytes.ts";
import type { Clock } from "#base/clock.ts";
import type { Conn } from "#base/conn.ts";
import { KtError, toKtError } from "#base/errors.ts";
import type { SpliceCount } from "#net/splice.ts";
import type { Found } from "#route/lookup.ts";
import { type BodyCursor, bodyCursor } from "#wire/http-body.ts";
import { beginsResponse, decodeResponseHead, type RequestHead, type ResponseHead, responseFraming } from "#wire/http-head.ts";
import { complainsOfPlainHttp } from "#wire/foreign-protocol.ts";
import type { Backend, BackendUser } from "./backend.ts";
import type { RetryPolicy } from "#proxy/door/context.ts";
import { type RequestTimeouts, RequestTimer } from "#proxy/door/request-timer.ts";
import type { BackendRequest, Backends } from "./backends.ts";
import { foreignAnswer, plainToTls, withSilenceHint } from "./foreign-answer.ts";
import { mayPassUnchanged, passesUpgrade, responseForClient } from "./heads.ts";
import { advanceCounted, isRepeatable, SentRequest } from "./sent-request.ts";

/** The client's connection as an exchange uses it. */
export interface ExchangeClient {
  write(bytes: Uint8Array): boolean;
  pauseRequest(): void;
  resumeRequest(): void;
  /** The response has ended. `keepAlive` is false when the connection must end with it. */
  exchangeDone(keepAlive: boolean): void;
  /** No byte of a response has been sent: the client gets `error` as a page. */
  exchangeRefused(error: KtError): void;
  /** The response broke off. */
  exchangeBroken(error: KtError): void;
  /** The backend agreed to another protocol; the Conn is the client's from now on. */
  exchangeUpgraded(conn: Conn): void;
}

export interface ExchangeOptions {
  readonly head: RequestHead;
  /** The request head as the backend gets it. */
  readonly headBytes: Uint8Array;
  /** The route that it goes by. */
  readonly found: Found;
  readonly request: BackendRequest;
  readonly backends: Backends;
  readonly client: ExchangeClient;
  readonly count: ExchangeCount;
  /** Whether the client's connection may go on after this. */
  readonly keepAlive: boolean;
  readonly clock: Pick<Clock, "now" | "after">;
  readonly retry: RetryPolicy;
  /** Undefined where there are none, or the client looks after them itself. */
  readonly timeouts: RequestTimeouts | undefined;
}

/** What counts the bytes of bodies, and may note when the head of the response comes. */
export interface ExchangeCount extends SpliceCount {
  answered?(): void;
  /** The request is sent again. */
  retried?(): void;
}

/** What the request needs of a backend. */
export function backendRequest({ target, scheme, manner }: Found, host: string, head: RequestHead, retry: RetryPolicy): BackendRequest {
  return {
    target,
    scheme,
    isSchemeGuessed: manner?.schemeGiven === false,
    host,
    tls: manner?.tls,
    protocol: manner?.protocol,
    upgrades: passesUpgrade(head),
    repeatable: isRepeatable(head, retry),
  };
}

/** Response bytes up to this size leave in one write with their head. */
const joinBytes = 16 * 1024;
const responseHeadQueueBytes = 1024 * 1024;

export class Exchange implements BackendUser {
  readonly #options: ExchangeOptions;
  readonly #request: SentRequest;
  /** Ends an attempt to open a backend. */
  #abort: AbortController | undefined;
  /** Ends the pause before the request is sent again. */
  #cancelPause: (() => void) | undefined;
  #backend: Backend | undefined;
  /** A head has come, if only one of those before the final one. */
  #answering = false;
  /** The beginning of the response, where it came in pieces. */
  #responseHead: ByteQueue | undefined;
  #response: ResponseHead | undefined;
  #responseBody: BodyCursor | undefined;
  #keepAlive: boolean;
  #over = false;
  readonly #timer: RequestTimer | undefined;

  constructor(options: ExchangeOptions) {
    this.#options = options;
    this.#keepAlive = options.keepAlive;
    this.#request = new SentRequest(options.head, options.count, options.retry);
    const { timeouts, clock } = options;
    this.#timer = timeouts && new RequestTimer(timeouts, clock, false, (error) => this.#late(error));
  }

  /** Of the final response, once its head has come. */
  get status(): number | undefined {
    return this.#response?.status;
  }

  get requestDone(): boolean {
    return this.#request.isComplete;
  }

  /** Whether there is no backend yet. */
  get isWaiting(): boolean {
    return !this.#over && this.#backend === undefined;
  }

  /** Takes a parked backend or opens one; a new one where one was lost. */
  begin(): void {
    this.#request.begin();
    const isFirst = this.#request.isFirstTry;
    if (isFirst) this.#timer?.begin(this.#request.isComplete);
    const parked = isFirst ? this.#options.backends.take(this.#options.request) : undefined;
    if (parked) {
      this.#opened(parked);
      return;
    }
    this.#abort = new AbortController();
    this.#options.backends.open(this.#options.request, this.#abort.signal, !isFirst).then(
      (backend) => this.#opened(backend),
      (error: KtError) => this.#refuse(error),
    );
  }

  /** Body bytes from the client; returns how many of them belong to this request. Throws KtError `request-invalid`. */
  requestBytes(bytes: Uint8Array): number {
    const body = this.#request.bodyIn(bytes);
    if (body.length === 0) return 0;
    if (this.#backend) this.#sendBody(this.#backend, body);
    else {
      this.#request.wait(body);
      this.#options.client.pauseRequest();
    }
    if (this.#request.isComplete) this.#received();
    return body.length;
  }

  #received(): void {
    this.#timer?.received();
    if (this.#backend && this.#response === undefined) this.#timer?.sent(this.#backend.link.pod);
  }

  /** The client reads what is late, or that its response is not whole. */
  #late(error: KtError): void {
    this.#abort?.abort(error);
    this.#broken(error);
  }

  clientDrained(): void {
    this.#backend?.conn.resume();
  }

  /** The client is gone, or broke the protocol. */
  cancel(): void {
    if (this.#over) return;
    this.#finish();
    this.#cancelPause?.();
    this.#abort?.abort(new KtError("connection-lost", "the client left"));
    this.#backend?.conn.abort();
  }

  #opened(backend: Backend): void {
    if (this.#over) {
      backend.conn.abort();
      return;
    }
    // It may have closed since it was chosen; then it gets nothing of the request, and what is opened instead is new.
    if (backend.gone) {
      this.begin();
      return;
    }
    this.#backend = backend;
    backend.use(this, this.#options.clock.now());
    let clear = backend.conn.write(this.#options.headBytes);
    const waiting = this.#request.takeWaiting();
    if (waiting) for (const body of waiting) clear = this.#sendBody(backend, body);
    if (this.#request.isComplete) this.#received();
    // Last, for more of the body may come from within, or the news that the client is gone.
    if (clear) this.#options.client.resumeRequest();
  }

  #sendBody(backend: Backend, body: Uint8Array): boolean {
    this.#request.noteSent(body);
    const clear = backend.conn.write(body);
    if (!clear) this.#options.client.pauseRequest();
    return clear;
  }

  backendData(bytes: Uint8Array): void {
    const backend = this.#backend;
    if (this.#over || !backend) return;
    try {
      if (this.#responseBody) this.#body(backend, bytes);
      else this.#head(backend, bytes);
    } catch (error) {
      if (this.#isStale(backend)) this.#resend(backend);
      else this.#broken(this.#invalid(error, bytes));
    }
  }

  /** What comes may be of the connection's past, sent while the request was on its way; then the request is sent again. */
  #isStale({ before }: Backend): boolean {
    return before.answers > 0 && !this.#answering && this.#request.mayResend;
  }

  /** Why what arrived is not a valid response. What does not even begin like one is recognised by its first bytes. */
  #invalid(error: unknown, bytes: Uint8Array): KtError {
    const waiting = this.#responseHead?.peek() ?? bytes;
    if (this.#response !== undefined || beginsResponse(waiting)) return toKtError(error, "backend-invalid", "read the response");
    const { found, request, headBytes } = this.#options;
    return foreignAnswer(waiting, { found, host: request.host, requestLine: firstLine(headBytes) });
  }

  #head(backend: Backend, bytes: Uint8Array): void {
    let waiting = bytes;
    if (this.#responseHead) {
      this.#responseHead.push(bytes);
      waiting = this.#responseHead.peek();
    }
    for (;;) {
      const decoded = decodeResponseHead(waiting);
      if (decoded === "short") {
        this.#keepHead(waiting);
        return;
      }
      // Some say so when they close a connection that nothing came on for a while.
      if (decoded.head.status === 408 && !decoded.head.keepAlive && this.#isStale(backend)) {
        this.#resend(backend);
        return;
      }
      this.#answering = true;
      if (decoded.head.status >= 200 || decoded.head.status === 101) {
        this.#responseHead = undefined;
        this.#final(backend, decoded.head, waiting, decoded.next);
        return;
      }
      waiting = waiting.subarray(decoded.next);
      this.#responseHead = undefined;
      this.#keepHead(waiting);
      this.#passInterim(backend, decoded.head);
    }
  }

  #keepHead(waiting: Uint8Array): void {
    if (waiting.length === 0 || this.#responseHead) return;
    this.#responseHead = new ByteQueue(responseHeadQueueBytes);
    this.#responseHead.push(waiting);
  }

  /** A pod may send any number of them, and a client need not read: what waits for it is bounded like a body. */
  #passInterim(backend: Backend, head: ResponseHead): void {
    const { client, head: request } = this.#options;
    // A client of HTTP/1.0 knows none of these (RFC 9110 §15.2).
    if (request.version === "1.1" && !client.write(responseForClient(head, request, true))) backend.conn.pause();
  }

  /** `bytes` begins with the head, of `headBytes`, and goes on with what follows it. */
  #final(backend: Backend, head: ResponseHead, bytes: Uint8Array, headBytes: number): void {
    const { head: request, client } = this.#options;
    if (head.status === 101 && !passesUpgrade(request))
      throw new KtError("backend-invalid", "the pod switched protocols without being asked to");
    if (head.status === 400 && complainsOfPlainHttp(bytes.subarray(headBytes)))
      throw plainToTls(this.#options.found, this.#options.request.host);
    const framing = responseFraming(head, request.method);
    const cursor = bodyCursor(framing, "backend-invalid");
    const end = headBytes + (head.status === 101 ? 0 : advanceCounted(cursor, bytes, headBytes, "received", this.#options.count));
    this.#options.count.answered?.();
    this.#timer?.answered();
    // From here on the client has had a part of it; a body that is invalid from the start is still answered with a page.
    this.#response = head;
    this.#responseBody = cursor;
    // The next request could not be distinguished from the rest of a body that is no longer read.
    this.#keepAlive &&=
      framing.kind !== "until-close" && this.#request.isComplete && (request.version === "1.1" || framing.kind !== "chunked");
    if (head.status === 101) {
      client.write(responseForClient(head, request, true));
      this.#upgraded(backend, bytes.subarray(headBytes));
      return;
    }
    const clear = mayPassUnchanged(head, request, this.#keepAlive)
      ? client.write(end === bytes.length ? bytes : bytes.subarray(0, end))
      : this.#writeBoth(responseForClient(head, request, this.#keepAlive), bytes.subarray(headBytes, end));
    this.#afterBody(backend, clear, bytes.length - end);
  }

  #writeBoth(head: Uint8Array, body: Uint8Array): boolean {
    const { client } = this.#options;
    if (body.length > 0 && body.length <= joinBytes) return client.write(concatBytes([head, body]));
    const clear = client.write(head);
    return body.length === 0 ? clear : client.write(body);
  }

  #body(backend: Backend, bytes: Uint8Array): void {
    const cursor = this.#responseBody as BodyCursor;
    const count = advanceCounted(cursor, bytes, 0, "received", this.#options.count);
    const clear = this.#options.client.write(count === bytes.length ? bytes : bytes.subarray(0, count));
    this.#afterBody(backend, clear, bytes.length - count);
  }

  #afterBody(backend: Backend, clear: boolean, surplusBytes: number): void {
    if (this.#responseBody?.done) this.#done(backend, surplusBytes === 0, this.#response?.keepAlive === true);
    else if (!clear) backend.conn.pause();
  }

  /** `clean`: nothing came after the response. `goesOn`: the backend takes another request. */
  #done(backend: Backend, clean: boolean, goesOn: boolean): void {
    if (this.#over) return;
    this.#finish();
    const { backends, head, request } = this.#options;
    if (clean && this.#request.isComplete) backends.answered(request, backend, goesOn && head.version === "1.1");
    else backend.conn.abort();
    this.#options.client.exchangeDone(this.#keepAlive);
  }

  #upgraded(backend: Backend, rest: Uint8Array): void {
    this.#finish();
    backend.conn.pause();
    backend.conn.unread(rest);
    this.#options.client.exchangeUpgraded(backend.conn);
  }

  backendDrained(): void {
    this.#options.client.resumeRequest();
  }

  backendClosed(error: KtError | undefined): void {
    const backend = this.#backend;
    if (backend && error && error.detail !== "said-by-pod") this.#lost(backend, error);
    else if (backend)
      this.#closedByPod(backend, error ?? new KtError("connection-lost", `pod "${backend.link.pod}" closed the connection`));
  }

  backendEnded(): void {
    const backend = this.#backend;
    if (this.#over || !backend) return;
    try {
      if (this.#responseBody?.end()) {
        this.#done(backend, true, false);
        return;
      }
    } catch (error) {
      this.#broken(toKtError(error, "backend-invalid", "read the response"));
      return;
    }
    if (this.#isUnanswered) this.#options.backends.closedEarly(this.#options.request, backend);
    const what = `pod "${backend.link.pod}" closed the connection before its response had ended`;
    this.#closedByPod(backend, new KtError("connection-lost", what));
  }

  #closedByPod(backend: Backend, error: KtError): void {
    if (backend.before.answers === 0) this.#request.closedOnNew();
    this.#lost(backend, error);
  }

  #lost(backend: Backend, error: KtError): void {
    if (this.#over) return;
    if (this.#isUnanswered && error.code === "connection-lost" && this.#request.mayResend) {
      this.#resend(backend);
      return;
    }
    this.#backend = undefined;
    backend.conn.abort();
    this.#broken(this.#isUnanswered ? withSilenceHint(error, this.#options.found) : error);
  }

  /** Nothing of an answer has come. */
  get #isUnanswered(): boolean {
    return !this.#answering && this.#responseHead === undefined;
  }

  /** Sends the request again on a new connection: at once where a kept one was closed, which says nothing of the pod. */
  #resend(lost: Backend): void {
    const { clock, retry, count } = this.#options;
    this.#backend = undefined;
    lost.conn.abort();
    this.#responseHead = undefined;
    this.#request.rewind();
    this.#timer?.rewound();
    count.retried?.();
    if (lost.before.answers > 0 || retry.delayMs === 0) this.begin();
    else this.#cancelPause = clock.after(retry.delayMs, () => this.begin());
  }

  #finish(): void {
    this.#over = true;
    this.#timer?.end();
  }

  #refuse(error: KtError): void {
    if (this.#over) return;
    this.#finish();
    this.#options.client.resumeRequest();
    this.#options.client.exchangeRefused(error);
  }

  /** Over before the backend is given up, whose end would else be the answer. */
  #broken(error: KtError): void {
    if (this.#over) return;
    this.#finish();
    this.#backend?.conn.abort();
    const { client } = this.#options;
    if (this.#response !== undefined) {
      client.exchangeBroken(error);
      return;
    }
    client.resumeRequest();
    client.exchangeRefused(error);
  }
}

/** Of a head as we wrote it. */
function firstLine(head: Uint8Array): string {
  const text = Buffer.from(head).toString("latin1");
  return text.slice(0, text.indexOf("\r\n"));
}
