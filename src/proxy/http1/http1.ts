/** The life of one HTTP/1 client connection: every request is routed by its own Host, one after the other. */

import type { Conn, ConnHandler } from "#base/conn.ts";
import { KtError, toKtError } from "#base/errors.ts";
import { proxyLimits } from "#proxy/limits.ts";
import { splice } from "#net/splice.ts";
import { toProblem } from "#observe/events.ts";
import { ClientMeter, type RequestMeter, type RouteUse } from "#observe/meter.ts";
import type { Found } from "#route/lookup.ts";
import { headerValue, type RequestHead } from "#wire/http-head.ts";
import type { Backends } from "./backends.ts";
import type { DoorContext } from "#proxy/door/context.ts";
import type { Router } from "#proxy/door/entrance.ts";
import { backendRequest, Exchange, type ExchangeClient } from "./exchange.ts";
import { plainToTls } from "./foreign-answer.ts";
import { ForwardedFields, requestForBackend, requestUnchanged, toldOf } from "./heads.ts";
import { encodeOwnHead, refusalOf, withRouteHint } from "./own-answer.ts";
import { RequestReader } from "./request-reader.ts";
import { type Answer, statusOf } from "#proxy/pages/refusal.ts";
import { speaksTls } from "./ask-for-tls.ts";
import { navigates, waitingPage } from "#proxy/pages/waiting-page.ts";
import { withoutTls } from "#proxy/pages/without-tls.ts";

export interface Http1Options {
  readonly context: DoorContext;
  readonly backends: Backends;
  readonly router: Router;
  readonly scheme: "http" | "https";
  /** Takes the Conn over, paused, with all that follows the head of a CONNECT. Absent where that is refused. */
  readonly onConnect?: (conn: Conn, head: RequestHead) => void;
  readonly onClosed: () => void;
}

/** How long a client may go on sending a body that is not read, so that it can read the answer. */
const lingerMs = 2000;

/** "draining": ends with the request under way. "ending": our half is closed. */
type Phase = "open" | "draining" | "ending" | "closed";

export class Http1Connection implements ConnHandler, ExchangeClient {
  readonly #conn: Conn;
  readonly #options: Http1Options;
  readonly #reader: RequestReader;
  #exchange: Exchange | undefined;
  #head: RequestHead | undefined;
  #found: Found | undefined;
  readonly #meter: ClientMeter;
  #use: RouteUse | undefined;
  #metered: RequestMeter | undefined;
  #told: ForwardedFields | undefined;
  #clientEnded = false;
  /** The client has not accepted all we wrote: until it has, no further request is read. */
  #blocked = false;
  #phase: Phase = "open";

  constructor(conn: Conn, options: Http1Options) {
    this.#conn = conn;
    this.#options = options;
    this.#reader = new RequestReader(options.context.clock, (error) => this.#invalid(error));
    this.#meter = new ClientMeter(options.context);
  }

  /** Begins to read; the connection may be over before this returns. */
  start(): void {
    this.#conn.start(this);
  }

  /** Ends after the request under way; at once when there is none. */
  drain(): void {
    if (this.#phase === "open") this.#phase = "draining";
    if (!this.#exchange) this.#end();
  }

  abort(): void {
    this.#conn.abort();
  }

  onData(bytes: Uint8Array): void {
    if (this.#isOver) return;
    try {
      const used = this.#exchange && !this.#exchange.requestDone ? this.#exchange.requestBytes(bytes) : 0;
      if (used === bytes.length) return;
      const isWorthATry = this.#reader.add(used === 0 ? bytes : bytes.subarray(used));
      if (this.#exchange) this.#conn.pause();
      else if (isWorthATry) this.#goOn();
    } catch (error) {
      this.#invalid(error);
    }
  }

  onEnd(): void {
    this.#clientEnded = true;
    if (!this.#exchange) this.#end();
    else if (!this.#exchange.requestDone) this.abort();
  }

  onDrain(): void {
    this.#blocked = false;
    if (this.#exchange) this.#exchange.clientDrained();
    else this.#goOn();
  }

  onClose(): void {
    if (this.#phase === "closed") return;
    this.#phase = "closed";
    this.#reader.settle();
    this.#exchange?.cancel();
    this.#metered?.end(undefined);
    this.#exchange = undefined;
    this.#meter.close();
    this.#options.onClosed();
  }

  write(bytes: Uint8Array): boolean {
    this.#blocked = !this.#conn.write(bytes);
    return !this.#blocked;
  }

  pauseRequest(): void {
    this.#conn.pause();
  }

  resumeRequest(): void {
    if (this.#reader.isEmpty) this.#conn.resume();
  }

  exchangeDone(keepAlive: boolean, status = this.#exchange?.status): void {
    const requestDone = this.#exchange?.requestDone === true;
    this.#metered?.end(status);
    this.#exchange = undefined;
    if (!keepAlive || this.#phase !== "open") this.#end(requestDone);
    else this.#goOn();
  }

  exchangeRefused(refusal: KtError): void {
    const found = this.#found;
    // It has never answered, and the first request to a new route is mostly a GET.
    const isUnknown = this.#use?.isUnproven === true && this.#head?.method === "GET";
    if (!found || !isUnknown || found.scheme !== "http" || refusal.code !== "connection-lost") {
      this.#refuseLate(refusal);
      return;
    }
    // Some TLS servers close the connection on a plain request without an answer.
    const exchange = this.#exchange;
    void speaksTls(this.#options.context, found.target).then((isTls) => {
      if (this.#exchange === exchange && this.#phase !== "closed")
        this.#refuseLate(isTls ? plainToTls(found, this.#head?.host ?? "") : refusal);
    });
  }

  #refuseLate(refusal: KtError): void {
    const error = this.#found ? withRouteHint(refusal, this.#found) : refusal;
    const requestDone = this.#exchange?.requestDone === true;
    const keepAlive = requestDone && this.#head?.keepAlive === true && this.#phase === "open";
    this.#note(error);
    this.#sendAnswer(refusalOf(error, this.#head), keepAlive);
    this.#metered?.end(statusOf(error));
    this.#exchange = undefined;
    if (keepAlive) this.#goOn();
    else this.#end(requestDone);
  }

  exchangeBroken(error: KtError): void {
    this.#note(error);
    this.#metered?.end(this.#exchange?.status);
    this.#exchange = undefined;
    this.#conn.abort();
  }

  exchangeUpgraded(backend: Conn): void {
    const use = this.#use;
    this.#metered?.end(this.#exchange?.status);
    this.#exchange = undefined;
    this.#phase = "closed";
    this.#conn.pause();
    this.#conn.unread(this.#reader.takeRest());
    if (!use) throw new KtError("internal", "internal error: an upgrade without a route");
    if (this.#clientEnded) backend.end();
    splice(this.#conn, backend, use, () => {
      this.#meter.close();
      this.#options.onClosed();
    });
  }

  /** Between two requests: begins the next, or waits for it. */
  #goOn(): void {
    this.#next();
    if (this.#exchange || this.#isOver) return;
    if (this.#blocked) this.#conn.pause();
    else if (this.#clientEnded) this.#end();
    else this.#conn.resume();
  }

  /** Reads as many requests as are complete. */
  #next(): void {
    try {
      while (!this.#exchange && !this.#isOver && !this.#blocked && !this.#reader.isEmpty) {
        const head = this.#reader.next();
        if (!head) return;
        this.#request(head);
      }
    } catch (error) {
      this.#invalid(error);
    }
  }

  get #isOver(): boolean {
    return this.#phase === "ending" || this.#phase === "closed";
  }

  #request(head: RequestHead): void {
    this.#head = head;
    const { onConnect } = this.#options;
    if (head.method === "CONNECT" && onConnect) {
      this.#handOver(head, onConnect);
      return;
    }
    let found: Found;
    try {
      if (head.method === "CONNECT") throw new KtError("request-invalid", "CONNECT is not supported: kt is not a forward proxy");
      found = this.#options.router.decide(head.host, head);
      const answer = withoutTls(found, this.#options.scheme, head);
      if (answer) {
        this.#sendOwn(answer, head);
        return;
      }
    } catch (error) {
      this.#answerItself(toKtError(error, "internal", "route the request"), head);
      return;
    }
    this.#found = found;
    const { context, backends } = this.#options;
    this.#use = this.#meter.use(found, head.host);
    this.#metered = this.#use.request(head.method, head.host, head.target, head.version === "1.0" ? "HTTP/1.0" : "HTTP/1.1");
    const { sentHost: host = head.host } = found;
    const retry = context.retryOf(found.profile);
    const exchange = new Exchange({
      head,
      headBytes: this.#written(head, found, host),
      found,
      request: backendRequest(found, host, head, retry),
      backends,
      client: this,
      count: this.#metered,
      keepAlive: head.keepAlive && this.#phase === "open",
      clock: context.clock,
      retry,
      timeouts: context.timeoutsOf?.(found.profile),
    });
    this.#exchange = exchange;
    if (!exchange.requestDone && !this.#reader.isEmpty) this.#reader.takeBody((bytes) => exchange.requestBytes(bytes));
    exchange.begin();
    if (exchange.isWaiting && navigates(head)) this.#waitInSight(exchange, found);
  }

  #handOver(head: RequestHead, onConnect: (conn: Conn, head: RequestHead) => void): void {
    this.#phase = "closed";
    this.#conn.pause();
    this.#conn.unread(this.#reader.takeRest());
    this.#meter.close();
    onConnect(this.#conn, head);
    this.#options.onClosed();
  }

  /** The head as the backend gets it. */
  #written(head: RequestHead, found: Found, host: string): Uint8Array {
    this.#told ??= new ForwardedFields({ address: this.#conn.remoteAddress, scheme: this.#options.scheme });
    const told = toldOf(found, this.#told);
    const unchanged = host === head.host ? requestUnchanged(head, this.#reader.takeHeadBytes(), told) : undefined;
    return unchanged ?? requestForBackend(head, told?.client, host);
  }

  /** A browser is shown after a while what the request waits for. */
  #waitInSight(exchange: Exchange, found: Found): void {
    const { clock, whyWaiting } = this.#options.context;
    clock.after(proxyLimits.waitingPageMs, () => {
      if (this.#exchange !== exchange || !exchange.isWaiting || this.#phase === "closed") return;
      const head = this.#head as RequestHead;
      const keepAlive = head.keepAlive && exchange.requestDone && this.#phase === "open";
      exchange.cancel();
      const page = waitingPage(head.host, whyWaiting?.(found.target));
      this.#sendAnswer(page, keepAlive);
      this.exchangeDone(keepAlive, page.status);
    });
  }

  /** A request that has no route: under our own names we answer it. */
  #answerItself(refusal: KtError, head: RequestHead): void {
    try {
      const { host, method, target } = head;
      const asked = { host, method, target, accept: headerValue(head.headers, "accept") };
      const answer = refusal.code === "host-unknown" ? this.#options.router.ownPage?.(asked) : undefined;
      if (!answer) this.#refuseEarly(refusal, head);
      else this.#sendOwn(answer, head);
    } catch (error) {
      this.#refuseEarly(toKtError(error, "internal", "answer the request"), head);
    }
  }

  #refuseEarly(error: KtError, head: RequestHead): void {
    this.#options.context.report({ type: "refused", name: head.host, problem: toProblem(error) });
    this.#sendOwn(refusalOf(error, head), head);
  }

  /** Answers a request that has no backend; what follows its head is only readable when it has no body. */
  #sendOwn(answer: Answer, head: RequestHead): void {
    const bodyless = !head.chunked && (head.contentLength ?? 0) === 0;
    // After a CONNECT the client may assume a tunnel: what it sends then is not meant as requests.
    const keepAlive = bodyless && head.keepAlive && this.#phase === "open" && head.method !== "CONNECT";
    this.#sendAnswer(answer, keepAlive);
    if (!keepAlive) this.#end(bodyless);
  }

  #invalid(thrown: unknown): void {
    const error = toKtError(thrown, "request-invalid", "read the request");
    this.#options.context.report({ type: "refused", name: this.#conn.remoteAddress ?? "", problem: toProblem(error) });
    if (this.#exchange) {
      this.#exchange.cancel();
      this.#exchange = undefined;
      this.#conn.abort();
      return;
    }
    this.#head = undefined;
    if (!this.#reader.isForeign) this.#sendAnswer(refusalOf(error, undefined), false);
    this.#end(false);
  }

  #sendAnswer(answer: Answer, keepAlive: boolean): void {
    this.write(encodeOwnHead(answer, keepAlive));
    if (this.#head?.method !== "HEAD") this.write(answer.body);
  }

  #note(error: KtError): void {
    this.#metered?.failed(error);
    this.#options.context.report({ type: "refused", name: this.#head?.host ?? "", problem: toProblem(error) });
  }

  /** Closes our half. A client in the middle of a request is cut off after a while, for it may never end its own. */
  #end(requestDone = true): void {
    if (this.#isOver) return;
    this.#phase = "ending";
    this.#reader.settle();
    this.#conn.end();
    this.#conn.resume();
    if (requestDone) return;
    this.#options.context.clock.after(lingerMs, () => {
      if (this.#phase !== "closed") this.#conn.abort();
    });
  }
}
