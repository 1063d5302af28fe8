/** Addresses that the hub should listen on, and what each leads to. */

import type { ListenAddress, Plan, PlannedPort } from "#profile/values/plan.ts";
import type { Conflict } from "#route/lookup.ts";
import type { RouteTable } from "#route/table.ts";
import type { Target } from "#route/target.ts";

interface WantedAddress {
  /** The name of the door that is to open it. */
  readonly door: string;
  readonly address: ListenAddress;
}

/** An address of hostnames and what is known behind it. */
export interface WantedNames extends WantedAddress {
  readonly kind: "names";
  /** In the order of their attaching. */
  readonly plans: readonly Plan[];
  readonly leadsTo: RouteTable;
}

/** An address of one target. */
export interface WantedPort extends WantedAddress {
  readonly kind: "port";
  readonly leadsTo: PortRoute;
  /** One of the hundreds that a namespace brings: its opening is not reported by itself. */
  readonly isForwarded: boolean;
}

/** An address at which names are asked for; of every profile, whichever wanted it. */
export interface WantedDns extends WantedAddress {
  readonly kind: "dns";
  readonly leadsTo: undefined;
}

/** An address of a proxy. */
export interface WantedProxy extends WantedAddress {
  readonly kind: "proxy";
  /** In the order of their attaching. */
  readonly plans: readonly Plan[];
  /** The profiles whose names it knows. */
  readonly leadsTo: readonly string[];
}

export interface PortRoute {
  readonly profile: string;
  readonly route: string;
  readonly target: Target;
  /** See UdpRoute. */
  readonly sessionTimeoutMs?: number;
}

export type WantedListener = WantedNames | WantedPort | WantedDns | WantedProxy;

/** A port that no profile wrote down: found in the cluster, for a profile that asked for such. */
export interface DiscoveredPort {
  readonly profile: string;
  readonly port: PlannedPort;
}

/** Something that a profile does not get because another has it. */
export interface Clash {
  readonly kind: Conflict["kind"] | "port" | "listener";
  readonly profile: string;
  /** The route as written; of a listener, its address. */
  readonly route: string;
  /** The profile that has it. */
  readonly holder: string;
}

export interface Wanted {
  /** By address, as `formatListen` writes it. */
  readonly listeners: ReadonlyMap<string, WantedListener>;
  readonly clashes: readonly Clash[];
}

export const nothingWanted: Wanted = { listeners: new Map(), clashes: [] };

/** Addresses of hostnames, in the order of the profiles. */
export function namesIn({ listeners }: Wanted): WantedNames[] {
  return [...listeners.values()].filter((want) => want.kind === "names");
}

export function portsIn({ listeners }: Wanted): WantedPort[] {
  return [...listeners.values()].filter((want) => want.kind === "port");
}

export function proxiesIn({ listeners }: Wanted): WantedProxy[] {
  return [...listeners.values()].filter((want) => want.kind === "proxy");
}

/** What is known behind an address of hostnames. */
export function tableAt({ listeners }: Wanted, address: string): RouteTable | undefined {
  const want = listeners.get(address);
  return want?.kind === "names" ? want.leadsTo : undefined;
}

export function samePlans(left: readonly Plan[], right: readonly Plan[]): boolean {
  return left.length === right.length && left.every((plan, index) => plan === right[index]);
}
