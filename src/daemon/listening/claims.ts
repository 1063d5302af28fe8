/** Who gets which address: the first that claims it, and profiles may share one of hostnames. Pure. */

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

  #isFree(key: string, { kind, door }: PlannedListener): boolean {
    const claim = this.byAddress.get(key);
    return claim === undefined || (kind === "names" && claim.listener.kind === "names" && claim.listener.door === door);
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
