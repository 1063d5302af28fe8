/** Counters per route: what the doors count, and what status, metrics and history read. */

import { observeLimits } from "./limits.ts";
import type { Problem } from "./events.ts";
import { Histogram } from "./histogram.ts";
import { nothingCounted, type PerSecond, Rates, type Totals } from "./rates.ts";

export type Direction = "sent" | "received";

/** Which route is counted. Dynamic names are those that no profile writes down. */
export interface CountedRoute {
  readonly profile: string;
  readonly route: string;
  readonly isDynamic: boolean;
}

/** Who is to hear of a route's first change since it looked last. */
interface ChangeListeners {
  readonly onListed: (counters: RouteCounters) => void;
  readonly onBusy: (counters: RouteCounters) => void;
}

/** Bits: the route is on the list of what changed, until that is taken; and it is sampled each second, until it is quiet. */
const listed = 1;
const busy = 2;

/** By the first digit of their status; 0 stands for those that the client left before there was one. */
const responseClasses = 6;

/** Counts of one route since the hub started. */
export class RouteCounters {
  readonly about: CountedRoute;
  readonly #listeners: ChangeListeners;
  #marks = 0;
  openConnections = 0;
  totalConnections = 0;
  /** HTTP requests; 0 for plain TCP. */
  requests = 0;
  /** From the pod to the client. */
  receivedBytes = 0;
  /** From the client to the pod. */
  sentBytes = 0;
  /** How often requests were sent again. */
  retries = 0;
  /** Datagrams of UDP that kt dropped, both ways. */
  droppedDatagrams = 0;
  /** Connections and requests that failed by what kt found: refused, broken off, or answered by kt with an error. */
  failures = 0;
  /** Requests that are over, by class; undefined before the first. */
  responses: Float64Array | undefined;
  /** From the request's head to the end of its response, and to the beginning; undefined before the first. */
  durations: Histogram | undefined;
  firstBytes: Histogram | undefined;
  /** Undefined before anything went through. */
  rates: Rates | undefined;
  /** The last second in which something was counted. */
  #usedSeconds = 0;
  #before: Totals | undefined;
  /** The last failure of a single connection. */
  lastProblem: (Problem & { readonly atMs: number }) | undefined;
  /** Why no connection can work as the profile has the route, by the latest that tried. */
  mismatch: (Problem & { readonly sinceMs: number }) | undefined;

  constructor(about: CountedRoute, listeners: ChangeListeners) {
    this.about = about;
    this.#listeners = listeners;
  }

  connectionOpened(): void {
    this.openConnections += 1;
    this.totalConnections += 1;
    this.#changed();
  }

  connectionClosed(): void {
    this.openConnections -= 1;
    this.#changed();
  }

  requestBegun(): void {
    this.requests += 1;
    this.#changed();
  }

  add(direction: Direction, bytes: number): void {
    if (direction === "sent") this.sentBytes += bytes;
    else this.receivedBytes += bytes;
    this.#changed();
  }

  requestRetried(): void {
    this.retries += 1;
    this.#changed();
  }

  dropped(): void {
    this.droppedDatagrams += 1;
    this.#changed();
  }

  /** `status`: undefined where the client left before there was one. */
  requestEnded(status: number | undefined, durationMs: number, firstByteMs: number | undefined): void {
    this.responses ??= new Float64Array(responseClasses);
    const at = status === undefined ? 0 : Math.floor(status / 100);
    this.responses[at] = (this.responses[at] ?? 0) + 1;
    if (status !== undefined) {
      this.durations ??= new Histogram();
      this.durations.add(durationMs);
    }
    if (firstByteMs !== undefined) {
      this.firstBytes ??= new Histogram();
      this.firstBytes.add(firstByteMs);
    }
    this.#changed();
  }

  failed({ code, message, hints }: Problem, atMs: number, isMismatch = false): void {
    this.failures += 1;
    this.lastProblem = { code, message, hints, atMs };
    if (isMismatch) this.mismatch = { code, message, hints, sinceMs: this.mismatch?.sinceMs ?? atMs };
    this.#changed();
  }

  /** A connection has worked. */
  worked(): void {
    if (!this.mismatch) return;
    this.mismatch = undefined;
    this.#changed();
  }

  /** Called by the table when its list of changes was taken. */
  unlist(): void {
    this.#marks &= ~listed;
  }

  /** Called when it becomes busy. */
  resumeRates(nowSeconds: number): void {
    this.#usedSeconds = nowSeconds;
    this.rates ??= new Rates(nowSeconds);
    this.rates.resume(nowSeconds);
  }

  /** All that was counted, as far as it was sampled. */
  get sampled(): Totals {
    return this.#before ?? nothingCounted;
  }

  /** Called once a second while it is busy. False once all rates are 0: the next change reports it as busy again. */
  sample(nowSeconds: number): boolean {
    const totals = this.#totals();
    const isUsed = this.#before === undefined || !sameTotals(this.#before, totals);
    if (isUsed) this.#usedSeconds = nowSeconds;
    this.rates?.sample(nowSeconds, totals);
    this.#before = totals;
    this.#list();
    const isBusy = nowSeconds - this.#usedSeconds <= observeLimits.coarseRateSeconds + 1;
    if (!isBusy) this.#marks &= ~busy;
    return isBusy;
  }

  /** The steps that are over by now get their part, whenever the next `sample` is. */
  settleRates(nowSeconds: number): void {
    if ((this.#marks & busy) !== 0) this.rates?.sample(nowSeconds, this.#totals());
  }

  perSecond(nowSeconds: number): PerSecond | undefined {
    return (this.#marks & busy) === 0 ? undefined : this.rates?.perSecond(nowSeconds);
  }

  #totals(): Totals {
    const { requests, failures, receivedBytes, sentBytes, durations } = this;
    return { requests, failures, receivedBytes, sentBytes, answered: durations?.count ?? 0, answeredMs: durations?.sumMs ?? 0 };
  }

  /** On the path of every byte: after the first change it is one comparison. */
  #changed(): void {
    if (this.#marks === (listed | busy)) return;
    this.#list();
    if ((this.#marks & busy) !== 0) return;
    this.#marks |= busy;
    this.#listeners.onBusy(this);
  }

  #list(): void {
    if ((this.#marks & listed) !== 0) return;
    this.#marks |= listed;
    this.#listeners.onListed(this);
  }
}

function sameTotals(one: Totals, other: Totals): boolean {
  return (
    one.requests === other.requests &&
    one.failures === other.failures &&
    one.receivedBytes === other.receivedBytes &&
    one.sentBytes === other.sentBytes &&
    one.answered === other.answered
  );
}

/** One route of one profile, as a key. */
export const routeKey = (profile: string, route: string): string => `${profile}\u0000${route}`;

/** The counters of every route that was ever used, by profile and route name; of dynamic names only the latest. */
export class CounterTable {
  readonly #byRoute = new Map<string, RouteCounters>();
  /** The keys of dynamic names, oldest first. */
  readonly #dynamic = new Set<string>();
  /** Never more than there are counters. */
  readonly #changed = new Set<RouteCounters>();
  readonly #listeners: ChangeListeners = {
    onListed: (counters) => {
      this.#changed.add(counters);
      if (this.#changed.size === 1) this.onChange();
    },
    onBusy: (counters) => this.onBusy(counters),
  };
  /** Called at the first change after the last `takeChanged`. */
  onChange: () => void = () => {};
  /** Called with a route that was quiet, at its first change. */
  onBusy: (counters: RouteCounters) => void = () => {};

  of(profile: string, route: string, via?: "static" | "pattern" | "dynamic"): RouteCounters {
    const key = routeKey(profile, route);
    let counters = this.#byRoute.get(key);
    if (!counters) {
      counters = new RouteCounters({ profile, route, isDynamic: via === "dynamic" }, this.#listeners);
      this.#byRoute.set(key, counters);
      if (via === "dynamic") this.#addDynamic(key);
    }
    return counters;
  }

  /** The routes whose counters are others than when this was asked last. */
  takeChanged(): CountedRoute[] {
    const taken = Array.from(this.#changed, (counters) => {
      counters.unlist();
      return counters.about;
    });
    this.#changed.clear();
    return taken;
  }

  #addDynamic(key: string): void {
    this.#dynamic.add(key);
    if (this.#dynamic.size <= observeLimits.countedNames) return;
    const atRest = [...this.#dynamic].find((each) => each !== key && this.#byRoute.get(each)?.openConnections === 0);
    if (atRest !== undefined) this.#forget(atRest);
  }

  #forget(key: string): void {
    const counters = this.#byRoute.get(key);
    if (counters) this.#changed.delete(counters);
    this.#dynamic.delete(key);
    this.#byRoute.delete(key);
  }

  /** For a route that is no more: one that comes back under its name begins at zero. */
  forgetRoute(profile: string, route: string): void {
    this.#forget(routeKey(profile, route));
  }

  /** For a profile that is not attached any more: attached again it begins at zero. */
  forget(profile: string): void {
    for (const key of this.#byRoute.keys()) if (key.startsWith(routeKey(profile, ""))) this.#forget(key);
  }

  /** Undefined where the route was never used, or is forgotten. */
  get(profile: string, route: string): RouteCounters | undefined {
    return this.#byRoute.get(routeKey(profile, route));
  }

  /** The names of a profile's routes that were ever used, dynamic names among them. */
  used(profile: string): string[] {
    const prefix = routeKey(profile, "");
    return Array.from(this.#byRoute.keys())
      .filter((key) => key.startsWith(prefix))
      .map((key) => key.slice(prefix.length));
  }
}
