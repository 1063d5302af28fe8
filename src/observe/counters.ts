/** Counters per route: what the front door and the TCP doors count, and what snapshots and metrics read. */

import { observeLimits } from "./limits.ts";
import type { Problem } from "./events.ts";

export type Direction = "sent" | "received";

/** Which route is counted. Dynamic names are those that no profile writes down. */
export interface CountedRoute {
  readonly profile: string;
  readonly route: string;
  readonly isDynamic: boolean;
}

/** Counts of one route since the hub started. */
export class RouteCounters {
  readonly about: CountedRoute;
  readonly #onChange: (counters: RouteCounters) => void;
  /** It is on the list of what changed, until that is taken. */
  #isListed = false;
  openConnections = 0;
  totalConnections = 0;
  /** HTTP requests; 0 for plain TCP. */
  requests = 0;
  /** From the pod to the client. */
  receivedBytes = 0;
  /** From the client to the pod. */
  sentBytes = 0;
  /** Datagrams of UDP that kt dropped, both ways. */
  droppedDatagrams = 0;
  /** The last failure of a single connection. */
  lastProblem: (Problem & { readonly atMs: number }) | undefined;
  /** Why no connection can work as the profile has the route, by the latest that tried. */
  mismatch: (Problem & { readonly sinceMs: number }) | undefined;

  constructor(about: CountedRoute, onChange: (counters: RouteCounters) => void) {
    this.about = about;
    this.#onChange = onChange;
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

  dropped(): void {
    this.droppedDatagrams += 1;
    this.#changed();
  }

  failed({ code, message, hints }: Problem, atMs: number, isMismatch = false): void {
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
    this.#isListed = false;
  }

  /** On the path of every byte: after the first change it is one comparison. */
  #changed(): void {
    if (this.#isListed) return;
    this.#isListed = true;
    this.#onChange(this);
  }
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
  readonly #list = (counters: RouteCounters): void => {
    this.#changed.add(counters);
    if (this.#changed.size === 1) this.onChange();
  };
  /** Called at the first change after the last `takeChanged`. */
  onChange: () => void = () => {};

  of(profile: string, route: string, via?: "static" | "pattern" | "dynamic"): RouteCounters {
    const key = routeKey(profile, route);
    let counters = this.#byRoute.get(key);
    if (!counters) {
      counters = new RouteCounters({ profile, route, isDynamic: via === "dynamic" }, this.#list);
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
