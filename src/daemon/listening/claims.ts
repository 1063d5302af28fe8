/** Who gets which address: the first that claims it, and profiles may share one of hostnames. Pure. */

import { deepEquals } from "bun";
import { formatListen } from "#profile/values/listen.ts";
import type { ListenAddress, Plan, PlannedListener } from "#profile/values/plan.ts";
import { byFaces } from "./localhost-pair.ts";
import type { Clash } from "./wanted.ts";

/** An address and the listener that has it. */
export interface Claim {
  readonly address: ListenAddress;
  readonly listener: PlannedListener;
  readonly profile: string;
  /** Those that share it, in the order of their attaching; of a discovered port none. */
  readonly plans: Plan[];
}

/** Two profiles that forward one namespace have its services at the same addresses: the first listens, and both are served. */
function isSameService(held: PlannedListener, listener: PlannedListener): boolean {
  if (held.kind !== "port" || listener.kind !== "port" || listener.forwarded === undefined) return false;
  return held.target.port === listener.target.port && deepEquals(held.forwarded, listener.forwarded);
}

function isShared({ kind }: PlannedListener): boolean {
  return kind === "names" || kind === "dns" || kind === "proxy";
}

export class Claims {
  readonly byAddress = new Map<string, Claim>();
  readonly clashes: Clash[] = [];

  /** Of the addresses that belong together all or none: a program that says `localhost` may reach either. */
  take(listener: PlannedListener, profile: string, plan?: Plan): void {
    for (const addresses of byFaces(listener.listen)) {
      const held = addresses.map(formatListen).filter((key) => !this.#isFree(key, listener));
      if (held.length > 0) this.clashes.push(...this.#clashesOf(held, listener, profile));
      else for (const address of addresses) this.#add(address, listener, profile, plan);
    }
  }

  #isFree(key: string, listener: PlannedListener): boolean {
    const claim = this.byAddress.get(key);
    if (claim === undefined || isSameService(claim.listener, listener)) return true;
    return isShared(listener) && claim.listener.kind === listener.kind && claim.listener.door === listener.door;
  }

  #add(address: ListenAddress, listener: PlannedListener, profile: string, plan: Plan | undefined): void {
    const key = formatListen(address);
    const shared = this.byAddress.get(key);
    if (shared === undefined) this.byAddress.set(key, { address, listener, profile, plans: plan === undefined ? [] : [plan] });
    else if (plan !== undefined && !shared.plans.includes(plan)) shared.plans.push(plan);
  }

  /** Hostnames stay at the profile's other addresses, so each lost one is reported; a port is one route. */
  #clashesOf(held: readonly string[], listener: PlannedListener, profile: string): Clash[] {
    const holderOf = (key: string): string => this.byAddress.get(key)?.profile ?? "";
    if (listener.kind !== "port") return held.map((key) => ({ kind: "listener", profile, route: key, holder: holderOf(key) }));
    return held.slice(0, 1).map((key) => ({ kind: "port", profile, route: listener.name, holder: holderOf(key) }));
  }
}
