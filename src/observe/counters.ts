/** Counters per route: what the front door and the TCP doors count, and what snapshots and metrics read. */

import { observeLimits } from "./limits.ts";
import type { Problem } from "./events.ts";

/** Counts of one route since the hub started. */
export interface RouteCounters {
  openConnections: number;
  totalConnections: number;
  /** HTTP requests; 0 for plain TCP. */
  requests: number;
  /** From the pod to the client. */
  receivedBytes: number;
  /** From the client to the pod. */
  sentBytes: number;
  lastProblem: (Problem & { readonly atMs: number }) | undefined;
}

/** The counters of every route that was ever used, by profile and route name; of dynamic names only the latest. */
export class CounterTable {
  readonly #byRoute = new Map<string, RouteCounters>();
  /** The keys of dynamic names, oldest first. */
  readonly #dynamic = new Set<string>();

  of(profile: string, route: string, via?: "static" | "pattern" | "dynamic"): RouteCounters {
    const key = `${profile}\u0000${route}`;
    let counters = this.#byRoute.get(key);
    if (!counters) {
      counters = { openConnections: 0, totalConnections: 0, requests: 0, receivedBytes: 0, sentBytes: 0, lastProblem: undefined };
      this.#byRoute.set(key, counters);
      if (via === "dynamic") this.#addDynamic(key);
    }
    return counters;
  }

  #addDynamic(key: string): void {
    this.#dynamic.add(key);
    if (this.#dynamic.size <= observeLimits.countedNames) return;
    const atRest = [...this.#dynamic].find((each) => each !== key && this.#byRoute.get(each)?.openConnections === 0);
    if (atRest === undefined) return;
    this.#dynamic.delete(atRest);
    this.#byRoute.delete(atRest);
  }

  /** For a profile that is not attached any more: attached again it begins at zero. */
  forget(profile: string): void {
    for (const key of this.#byRoute.keys()) {
      if (!key.startsWith(`${profile}\u0000`)) continue;
      this.#byRoute.delete(key);
      this.#dynamic.delete(key);
    }
  }

  /** The names of a profile's routes that were ever used, dynamic names among them. */
  used(profile: string): string[] {
    const prefix = `${profile}\u0000`;
    return Array.from(this.#byRoute.keys())
      .filter((key) => key.startsWith(prefix))
      .map((key) => key.slice(prefix.length));
  }
}

export type Direction = "sent" | "received";

/** The bytes of one connection, added to its route's as they pass, so that a long transfer shows while it runs. */
export class ConnectionCount {
  readonly #route: RouteCounters;
  sentBytes = 0;
  receivedBytes = 0;

  constructor(route: RouteCounters) {
    this.#route = route;
  }

  add(direction: Direction, bytes: number): void {
    if (direction === "sent") {
      this.sentBytes += bytes;
      this.#route.sentBytes += bytes;
    } else {
      this.receivedBytes += bytes;
      this.#route.receivedBytes += bytes;
    }
  }
}
