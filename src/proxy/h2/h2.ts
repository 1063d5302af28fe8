/** The HTTP/2 cleartext front door: each stream of a client's connection goes to the route that its own :authority names. */

import type { Conn } from "#base/conn.ts";
import { cut } from "#base/cut.ts";
import { KtError, toKtError } from "#base/errors.ts";
import type { Log } from "#base/log.ts";
import { toProblem } from "#observe/events.ts";
import { ClientMeter, type MeterContext } from "#observe/meter.ts";
import { h2Codes } from "#wire/h2-frame.ts";
import type { Found } from "#route/lookup.ts";
import type { Header } from "#wire/http-head.ts";
import type { DoorContext } from "#proxy/door/context.ts";
import type { Link } from "#proxy/door/dialer.ts";
import type { Router } from "#proxy/door/entrance.ts";
import type { Backends } from "#proxy/http1/backends.ts";
import { H2Backends } from "./backends.ts";
import { H2Exchange, refuse, sendAnswer } from "./exchange.ts";
import { asksForWebSocket, type H2Request, readRequest } from "./heads.ts";
import { type ClientSide, toldOf } from "#proxy/http1/heads.ts";
import { withoutTls } from "#proxy/pages/without-tls.ts";
import { H2Session } from "#http/h2/session.ts";
import type { H2Stream } from "#http/h2/stream.ts";
import type { SpeechMemory } from "./speech-memory.ts";

export interface H2Options extends MeterContext, Pick<DoorContext, "retryOf" | "timeoutsOf"> {
  readonly router: Router;
  /** Opens the transport of an HTTP/2 connection to a pod of the target; TLS with ALPN h2 when the route's scheme is https. */
  dial(route: Found, authority: string, signal: AbortSignal): Promise<Link>;
  /** For backends that have no HTTP/2. */
  readonly backends: Backends;
  readonly speech: SpeechMemory;
  readonly log: Log;
  /** For X-Forwarded-For. */
  readonly clientAddress: string | undefined;
  /** How the client speaks to us, for X-Forwarded-Proto. */
  readonly scheme: "http" | "https";
}

export interface H2Connection {
  /** Takes no new stream; ends with the last open one. */
  drain(): void;
  /** Ends everything now. */
  abort(): void;
  /** Resolves when the client's connection is over. */
  readonly closed: Promise<void>;
  readonly openStreams: number;
}

/** Serves a client from its preface on, which must still be unread. Takes the Conn over. */
export function serveH2(client: Conn, options: H2Options): H2Connection {
  const door = new H2Door(client, options);
  door.start();
  return door;
}

/** A CONNECT may ask for a WebSocket, and for nothing else. */
function refuseConnect(request: H2Request): void {
  if (request.method !== "CONNECT" || asksForWebSocket(request)) return;
  if (request.protocol === undefined) throw new KtError("request-invalid", "CONNECT is not supported: kt is not a forward proxy");
  throw new KtError("request-invalid", `CONNECT for "${cut(request.protocol, 40)}" is not supported: kt passes on "websocket" only`);
}

class H2Door implements H2Connection {
  readonly #options: H2Options;
  readonly #session: H2Session;
  readonly #backends: H2Backends;
  readonly #meter: ClientMeter;
  readonly #client: ClientSide;
  readonly #closing = Promise.withResolvers<void>();
  readonly closed: Promise<void> = this.#closing.promise;

  constructor(client: Conn, options: H2Options) {
    this.#options = options;
    this.#meter = new ClientMeter(options);
    this.#client = { address: options.clientAddress, scheme: options.scheme };
    this.#backends = new H2Backends((route, authority, signal) => options.dial(route, authority, signal), options.clock, options.speech);
    this.#session = new H2Session("server", client, options.clock, this);
  }

  start(): void {
    this.#session.start();
  }

  get openStreams(): number {
    return this.#session.openStreams;
  }

  drain(): void {
    this.#session.drain();
  }

  abort(): void {
    this.#session.abort();
  }

  onStream(stream: H2Stream, headers: readonly Header[], tooLarge: boolean): void {
    if (tooLarge) {
      this.#refuse(stream, undefined, new KtError("request-too-large", "the request's header list is too long"));
      return;
    }
    let request: H2Request;
    try {
      request = readRequest(headers, stream.remoteEnded);
    } catch (thrown) {
      const error = toKtError(thrown, "internal", "reading the request");
      this.#reportRefused(this.#options.clientAddress ?? "", error);
      stream.violate(h2Codes.protocolError, error);
      return;
    }
    this.#route(stream, request);
  }

  onConfigured(): void {}

  onIdle(): void {}

  onClose(error: KtError | undefined): void {
    this.#backends.close();
    if (error) this.#options.log("debug", "h2-client-closed", { reason: error.message });
    this.#meter.close();
    this.#closing.resolve();
  }

  #route(stream: H2Stream, request: H2Request): void {
    const { authority } = request;
    if (authority === undefined || authority === "") {
      this.#refuse(stream, request, new KtError("host-missing", "the request names no host"));
      return;
    }
    let route: Found;
    try {
      refuseConnect(request);
      route = this.#options.router.decide(authority, request);
      const answer = withoutTls(route, this.#options.scheme, { host: authority, target: request.path });
      if (answer) {
        sendAnswer(stream, request.method, answer);
        return;
      }
    } catch (thrown) {
      this.#answerItself(stream, request, authority, toKtError(thrown, "internal", `routing "${authority}"`));
      return;
    }
    const use = this.#meter.use(route, authority);
    const meter = use.request(request.method, authority, request.path, "HTTP/2");
    const onRefused = (error: KtError): void => {
      meter.failed(error);
      this.#reportRefused(use.name, error);
    };
    const exchange = new H2Exchange(stream, request, {
      backends: this.#backends,
      http1: this.#options.backends,
      clock: this.#options.clock,
      route,
      authority: route.sentHost ?? authority,
      client: toldOf(route, this.#client),
      meter,
      retry: this.#options.retryOf(route.profile),
      timeouts: this.#options.timeoutsOf?.(route.profile),
      onRefused,
    });
    stream.setHandler(exchange);
    exchange.start();
  }

  /** A request that has no route: under our own names we answer it. */
  #answerItself(stream: H2Stream, request: H2Request, host: string, refusal: KtError): void {
    try {
      const { method, path: target, accept, grpc } = request;
      const answer =
        refusal.code === "host-unknown" && !grpc ? this.#options.router.ownPage?.({ host, method, target, accept }) : undefined;
      if (answer) sendAnswer(stream, method, answer);
      else this.#refuse(stream, request, refusal);
    } catch (thrown) {
      this.#refuse(stream, request, toKtError(thrown, "internal", "answering"));
    }
  }

  /** Refuses a stream that has no route. */
  #refuse(stream: H2Stream, request: H2Request | undefined, error: KtError): void {
    this.#reportRefused(request?.authority ?? "", error);
    refuse(stream, request, error);
  }

  #reportRefused(name: string, error: KtError): void {
    this.#options.report({ type: "refused", name, problem: toProblem(error) });
  }
}
