/** One meter for every door: a client's connection, what it carries for each route, its requests, their bytes, and the end of each. */

import type { Clock } from "#base/clock.ts";
import type { KtError } from "#base/errors.ts";
import { type CounterTable, type Direction, type RouteCounters, routeKey } from "./counters.ts";
import { type ClientProtocol, type Report, toProblem } from "./events.ts";
import type { RequestFacts, RequestLog, RouteRequests } from "./request-log.ts";

export interface MeterContext {
  readonly counters: CounterTable;
  /** Absent where single requests are not recorded. */
  readonly requests?: RequestLog;
  readonly clock: Clock;
  readonly report: Report;
}

export interface MeteredRoute {
  readonly profile: string;
  readonly route: string;
  readonly via?: "static" | "pattern" | "dynamic";
}

/** What one client connection, or one session of UDP, carries for one route, from when it asks for the route until it closes. */
export class RouteUse {
  readonly #context: MeterContext;
  readonly #counters: RouteCounters;
  readonly route: MeteredRoute;
  #requests: RouteRequests | undefined;
  /** What the client asked for, as events have it. */
  readonly name: string;
  #sentBytes = 0;
  #receivedBytes = 0;
  #isOpen = true;

  constructor(context: MeterContext, route: MeteredRoute, name: string) {
    this.#context = context;
    this.#counters = context.counters.of(route.profile, route.route, route.via);
    this.route = route;
    this.name = name;
    this.#counters.connectionOpened();
    context.report({ type: "connection-opened", route: route.route, profile: route.profile, name });
  }

  /** No byte of a body has come from the route, through any connection. */
  get isUnproven(): boolean {
    return this.#counters.receivedBytes === 0;
  }

  /** Bytes of a body or of a stream; heads and the framing of bodies are none. */
  add(direction: Direction, bytes: number): void {
    if (direction === "sent") this.#sentBytes += bytes;
    else this.#receivedBytes += bytes;
    this.#counters.add(direction, bytes);
  }

  /** A request was sent again. */
  retried(): void {
    this.#counters.requestRetried();
  }

  /** A datagram found no room, or nothing to carry it. */
  dropped(): void {
    this.#counters.dropped();
  }

  failed(error: KtError): void {
    this.#counters.failed(toProblem(error), this.#context.clock.wallMs(), error.detail === "other-protocol");
  }

  /** The backend has answered in the protocol that it was asked in. */
  worked(): void {
    this.#counters.worked();
  }

  /** `name` is the host that it asks for; `target` as sent, with its query. */
  request(method: string, name: string, target: string, protocol: ClientProtocol): RequestMeter {
    this.#counters.requestBegun();
    return new RequestMeter(this, this.#context, method, name, target, protocol);
  }

  /** Called by a request of its own that is over. */
  requestEnded(request: RequestMeter): void {
    this.#counters.requestEnded(request.status, request.durationMs, request.firstByteMs);
    const { requests } = this.#context;
    // kt's own pages belong to no profile: what a dashboard asks for every second would push out what it shows.
    if (!requests || this.route.profile === "") return;
    this.#requests ??= requests.of(this.route);
    requests.add(this.#requests, request);
  }

  close(error?: KtError): void {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    this.#counters.connectionClosed();
    if (error) this.failed(error);
    const { route, profile } = this.route;
    this.#context.report({
      type: "connection-closed",
      route,
      profile,
      name: this.name,
      receivedBytes: this.#receivedBytes,
      sentBytes: this.#sentBytes,
      problem: error && toProblem(error),
    });
  }
}

/** One request. */
export class RequestMeter implements RequestFacts {
  readonly #use: RouteUse;
  readonly #clock: Clock;
  readonly method: string;
  readonly name: string;
  readonly target: string;
  readonly protocol: ClientProtocol;
  readonly #startedMs: number;
  /** From its head to the head of its response, in milliseconds; undefined without one. */
  firstByteMs: number | undefined;
  /** To the end of its response; 0 until then. */
  durationMs = 0;
  sentBytes = 0;
  receivedBytes = 0;
  status: number | undefined;
  grpcStatus: number | undefined;
  #hasFailed = false;
  #isOver = false;

  constructor(use: RouteUse, { clock }: MeterContext, method: string, name: string, target: string, protocol: ClientProtocol) {
    this.#use = use;
    this.#clock = clock;
    this.method = method;
    this.name = name;
    this.target = target;
    this.protocol = protocol;
    this.#startedMs = clock.now();
  }

  add(direction: Direction, bytes: number): void {
    if (direction === "sent") this.sentBytes += bytes;
    else this.receivedBytes += bytes;
    this.#use.add(direction, bytes);
  }

  failed(error: KtError): void {
    this.#hasFailed = true;
    this.#use.failed(error);
  }

  /** It is sent to a backend again. */
  retried(): void {
    this.#use.retried();
  }

  /** The head of the backend's response has come. */
  answered(): void {
    this.firstByteMs = this.#clock.now() - this.#startedMs;
  }

  /** `status`: undefined where the client left before there was one. */
  end(status: number | undefined): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.status = status;
    if (status !== undefined && !this.#hasFailed) this.#use.worked();
    this.durationMs = this.#clock.now() - this.#startedMs;
    this.#use.requestEnded(this);
  }
}

/** The connection of one client of HTTP, whose requests may go to several routes. */
export class ClientMeter {
  readonly #context: MeterContext;
  /** Most clients use one route: these are the others than the latest. */
  #others: Map<string, RouteUse> | undefined;
  /** The latest, which mostly is the next one too. */
  #last: RouteUse | undefined;

  constructor(context: MeterContext) {
    this.#context = context;
  }

  use(route: MeteredRoute, name: string): RouteUse {
    if (this.#last?.route.route === route.route && this.#last.route.profile === route.profile) return this.#last;
    if (this.#last) {
      this.#others ??= new Map();
      this.#others.set(routeKey(this.#last.route.profile, this.#last.route.route), this.#last);
    }
    this.#last = this.#others?.get(routeKey(route.profile, route.route)) ?? new RouteUse(this.#context, route, name);
    return this.#last;
  }

  close(): void {
    this.#last?.close();
    if (this.#others) for (const use of this.#others.values()) use.close();
  }
}
