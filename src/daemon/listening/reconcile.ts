/** Attached plans → what should be listened on, and the steps from what runs to that; pure. */

import { formatListen } from "#profile/values/listen.ts";
import { routeEntries, staticEntry } from "#profile/entries.ts";
import type { ListenAddress, Plan, PlannedRoute, PlannedTcp } from "#profile/values/plan.ts";
import { byFaces } from "./localhost-pair.ts";
import { RouteTable } from "#route/table.ts";
import { targetKey } from "#route/target.ts";
import { type WantedHttp, type WantedTcp, type Clash, type Wanted, nothingWanted } from "./wanted.ts";

export type Step =
  | { readonly do: "close"; readonly address: string }
  | { readonly do: "open-http"; readonly address: string; readonly want: WantedHttp }
  | { readonly do: "swap-table"; readonly address: string; readonly want: WantedHttp }
  | { readonly do: "open-tcp"; readonly address: string; readonly want: WantedTcp }
  | { readonly do: "swap-route"; readonly address: string; readonly want: WantedTcp };

/** Who claims an address first keeps it. Tables that stay the same are taken from `before`, so that they compare as equal. */
export function wantedBy(plans: readonly Plan[], before: Wanted = nothingWanted): Wanted {
  const claims = new Claims();
  for (const plan of plans) {
    for (const addresses of byFaces(plan.http.listen)) claims.http(plan, addresses);
    for (const route of plan.tcp) for (const addresses of byFaces(route.listen)) claims.tcp(plan, route, addresses);
  }
  for (const plan of plans) for (const route of plan.routes) claims.own(plan, route);
  const http = new Map<string, WantedHttp>();
  for (const [key, { address, plans: sharers }] of claims.httpAddresses) {
    const old = before.http.get(key);
    const table = old !== undefined && sameList(old.plans, sharers) ? old.table : RouteTable.build(routeEntries(sharers));
    http.set(key, { address, plans: sharers, table });
  }
  for (const [key, { plan, route, address }] of claims.ownAddresses) {
    const old = before.http.get(key);
    const table = old !== undefined && sameList(old.plans, [plan]) ? old.table : buildOwnTable(plan, route, address);
    http.set(key, { address, plans: [plan], table });
  }
  return {
    http,
    tcp: claims.tcpAddresses,
    clashes: distinct([...claims.clashes, ...[...http.values()].flatMap(({ table }) => table.conflicts)]),
  };
}

interface OwnClaim {
  readonly plan: Plan;
  readonly route: PlannedRoute;
  readonly address: ListenAddress;
}

class Claims {
  readonly httpAddresses = new Map<string, { address: ListenAddress; plans: Plan[] }>();
  /** Of routes that have one for themselves. */
  readonly ownAddresses = new Map<string, OwnClaim>();
  readonly tcpAddresses = new Map<string, WantedTcp>();
  readonly clashes: Clash[] = [];

  /** All of the addresses, or none: a program that says `localhost` may reach either. */
  http(plan: Plan, addresses: readonly ListenAddress[]): void {
    const held = addresses.map(formatListen).filter((key) => this.tcpAddresses.has(key));
    for (const route of held) {
      this.clashes.push({ kind: "listener", profile: plan.profile, route, holder: this.tcpAddresses.get(route)?.profile ?? "" });
    }
    if (held.length === 0) for (const address of addresses) this.#share(plan, address);
  }

  #share(plan: Plan, address: ListenAddress): void {
    const key = formatListen(address);
    const shared = this.httpAddresses.get(key);
    if (shared === undefined) this.httpAddresses.set(key, { address, plans: [plan] });
    else if (!shared.plans.includes(plan)) shared.plans.push(plan);
  }

  own(plan: Plan, route: PlannedRoute): void {
    const { address } = route;
    if (address === undefined) return;
    const key = formatListen(address);
    const holder = this.#holderOf(key) ?? this.ownAddresses.get(key)?.plan.profile;
    if (holder !== undefined) this.clashes.push({ kind: "listener", profile: plan.profile, route: key, holder });
    else this.ownAddresses.set(key, { plan, route, address });
  }

  #holderOf(key: string): string | undefined {
    return this.tcpAddresses.get(key)?.profile ?? this.httpAddresses.get(key)?.plans[0]?.profile;
  }

  /** See `http`. */
  tcp(plan: Plan, route: PlannedTcp, addresses: readonly ListenAddress[]): void {
    const { profile } = plan;
    const { name, target } = route;
    const holder = addresses.map((address) => this.#holderOf(formatListen(address))).find((each) => each !== undefined);
    if (holder !== undefined) this.clashes.push({ kind: "tcp", profile, route: name, holder });
    else for (const address of addresses) this.tcpAddresses.set(formatListen(address), { address, profile, route: name, target });
  }
}

/**
 * The route by its address, by "localhost" and by its name, and nothing by any other: what asks for a name that is not there may be a page
 * on the web whose name was made to lead here. The backend is told the name that it is told at the front door.
 */
function buildOwnTable({ profile, http }: Plan, route: PlannedRoute, address: ListenAddress): RouteTable {
  const [door] = http.listen;
  const sentHost = door === undefined ? route.host : `${route.host}:${door.port}`;
  const hosts = new Set([address.host, "localhost", route.host]);
  return RouteTable.build({
    static: [...hosts].map((host) => ({ ...staticEntry(profile, route), host, sentHost })),
    patterns: [],
    dynamic: [],
    origins: [{ profile, allowed: http.allowOrigins }],
  });
}

function sameList(left: readonly Plan[], right: readonly Plan[]): boolean {
  return left.length === right.length && left.every((plan, index) => plan === right[index]);
}

/** A profile that listens on several addresses has each conflict once for each. */
function distinct(clashes: readonly Clash[]): Clash[] {
  return [...new Map(clashes.map((clash) => [JSON.stringify([clash.kind, clash.profile, clash.route]), clash])).values()];
}

/** What to do, closing first: an address may change from TCP to HTTP. What is equal is left alone. */
export function stepsBetween(from: Wanted, to: Wanted): Step[] {
  const closes: Step[] = [...from.http.keys(), ...from.tcp.keys()]
    .filter((address) => !(from.http.has(address) && to.http.has(address)) && !(from.tcp.has(address) && to.tcp.has(address)))
    .map((address) => ({ do: "close", address }));
  const http = [...to.http].flatMap(([address, want]): Step[] => {
    const old = from.http.get(address);
    if (old === undefined) return [{ do: "open-http", address, want }];
    return old.table === want.table ? [] : [{ do: "swap-table", address, want }];
  });
  const tcp = [...to.tcp].flatMap(([address, want]): Step[] => {
    const old = from.tcp.get(address);
    if (old === undefined) return [{ do: "open-tcp", address, want }];
    return sameRoute(old, want) ? [] : [{ do: "swap-route", address, want }];
  });
  return [...closes, ...http, ...tcp];
}

function sameRoute(left: WantedTcp, right: WantedTcp): boolean {
  return left.profile === right.profile && left.route === right.route && targetKey(left.target) === targetKey(right.target);
}
