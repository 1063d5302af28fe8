/** What is to be listened on: addresses, and what each leads to. */

import type { ListenAddress, Plan } from "#profile/values/plan.ts";
import type { Conflict } from "#route/lookup.ts";
import type { RouteTable } from "#route/table.ts";
import type { Target } from "#route/target.ts";

/** A front door address and what is known behind it. */
export interface WantedHttp {
  readonly address: ListenAddress;
  /** In the order of their attaching. */
  readonly plans: readonly Plan[];
  readonly table: RouteTable;
}

export interface WantedTcp {
  readonly address: ListenAddress;
  readonly profile: string;
  readonly route: string;
  readonly target: Target;
}

/** Something that a profile does not get because another has it. */
export interface Clash {
  readonly kind: Conflict["kind"] | "tcp" | "listener";
  readonly profile: string;
  /** The route as written; of a listener, its address. */
  readonly route: string;
  /** The profile that has it. */
  readonly holder: string;
}

/** By address, as `formatListen` writes it. */
export interface Wanted {
  readonly http: ReadonlyMap<string, WantedHttp>;
  readonly tcp: ReadonlyMap<string, WantedTcp>;
  readonly clashes: readonly Clash[];
}

export const nothingWanted: Wanted = { http: new Map(), tcp: new Map(), clashes: [] };
