/** What is attached and discovered → what should be listened on, and the steps from what runs to that. Pure. */

import { routeEntries, staticEntry } from "#profile/entries.ts";
import type { ListenAddress, Plan, PlannedRoute } from "#profile/values/plan.ts";
import { RouteTable } from "#route/table.ts";
import { targetKey } from "#route/target.ts";
import { type Claim, Claims } from "./claims.ts";
import { type Clash, type DiscoveredPort, namesIn, nothingWanted, samePlans, type Wanted, type WantedListener } from "./wanted.ts";

export type Step =
  | { readonly do: "close"; readonly address: string }
  | { readonly do: "open" | "swap"; readonly address: string; readonly want: WantedListener };

/** What no profile names. */
export interface Found {
  readonly ports: readonly DiscoveredPort[];
  /** Where this machine's resolver asks for names, which is served for whatever is attached. */
  readonly dns: readonly ListenAddress[];
}

/**
 * Who claims an address first keeps it: what profiles write comes before addresses that kt chose, and both before what was discovered.
 * Tables that stay the same are taken from `before`, so that they compare as equal.
 */
export function wantedBy(plans: readonly Plan[], before: Wanted = nothingWanted, { ports, dns }: Found = { ports: [], dns: [] }): Wanted {
  const claims = new Claims();
  const isChosen = ({ kind }: Plan["listeners"][number]): boolean => kind === "route";
  for (const plan of plans) for (const each of plan.listeners) if (!isChosen(each)) claims.take(each, plan.profile, plan);
  for (const plan of plans) for (const each of plan.listeners) if (isChosen(each)) claims.take(each, plan.profile, plan);
  const [first] = plans;
  if (first && dns.length > 0) claims.take({ kind: "dns", door: "dns", listen: dns }, first.profile, first);
  const attached = new Set(plans.map(({ profile }) => profile));
  for (const { profile, port } of ports) if (attached.has(profile)) claims.take(port, profile);
  const listeners = new Map([...claims.byAddress].map(([key, claim]) => [key, wantedOf(claim, before.listeners.get(key))]));
  const wanted = { listeners, clashes: claims.clashes };
  return { listeners, clashes: distinct([...claims.clashes, ...namesIn(wanted).flatMap(({ leadsTo }) => leadsTo.conflicts)]) };
}

function wantedOf({ listener, address, profile, plans }: Claim, old: WantedListener | undefined): WantedListener {
  const { door } = listener;
  if (listener.kind === "port") {
    const { name: route, target, sessionTimeoutMs, forwarded } = listener;
    const leadsTo = { profile, route, target, ...(sessionTimeoutMs === undefined ? {} : { sessionTimeoutMs }) };
    return { kind: "port", door, address, leadsTo, isForwarded: forwarded !== undefined };
  }
  if (listener.kind === "dns") return { kind: "dns", door, address, leadsTo: undefined };
  if (listener.kind === "proxy") {
    if (old?.kind === "proxy" && samePlans(old.plans, plans)) return old;
    return { kind: "proxy", door, address, plans, leadsTo: plans.map((plan) => plan.profile) };
  }
  if (old?.kind === "names" && samePlans(old.plans, plans)) return old;
  const leadsTo = listener.kind === "names" ? RouteTable.build(routeEntries(plans)) : ownTable(plans, listener.route, address);
  return { kind: "names", door, address, plans, leadsTo };
}

/**
 * The route by its address, by "localhost" and by its name, and nothing by any other: what asks for a name that is not there may be a page
 * on the web whose name was made to lead here. The backend gets the Host that it gets at the front door.
 */
function ownTable(plans: readonly Plan[], route: PlannedRoute, address: ListenAddress): RouteTable {
  const hosts = new Set([address.host, "localhost", route.host]);
  return RouteTable.build({
    static: plans.flatMap(({ profile, http }) => {
      const [door] = http.listen;
      const sentHost = door === undefined ? route.host : `${route.host}:${door.port}`;
      return [...hosts].map((host) => ({ ...staticEntry(profile, route), host, sentHost }));
    }),
    patterns: [],
    dynamic: [],
    origins: plans.map(({ profile, http }) => ({ profile, allowed: http.allowOrigins })),
  });
}

/** A profile that listens on several addresses has each conflict once for each. */
function distinct(clashes: readonly Clash[]): Clash[] {
  return [...new Map(clashes.map((clash) => [JSON.stringify([clash.kind, clash.profile, clash.route]), clash])).values()];
}

/** What to do, closing first: an address may get another door. What is equal is left alone. */
export function stepsBetween({ listeners: from }: Wanted, { listeners: to }: Wanted): Step[] {
  const closes = [...from].flatMap(([address, { door }]): Step[] => (to.get(address)?.door === door ? [] : [{ do: "close", address }]));
  const others = [...to].flatMap(([address, want]): Step[] => {
    const old = from.get(address);
    if (old?.door !== want.door) return [{ do: "open", address, want }];
    return leadsSame(old, want) ? [] : [{ do: "swap", address, want }];
  });
  return [...closes, ...others];
}

function leadsSame(left: WantedListener, right: WantedListener): boolean {
  if (left.kind !== "port" || right.kind !== "port") return left.leadsTo === right.leadsTo;
  const { leadsTo: next } = right;
  const { profile, route, target, sessionTimeoutMs } = left.leadsTo;
  const isSameRoute = profile === next.profile && route === next.route && sessionTimeoutMs === next.sessionTimeoutMs;
  return isSameRoute && targetKey(target) === targetKey(next.target);
}
