/** What goes through each route while the page is open, by the second: the small charts in the list, for which nothing is asked. Pure. */

import type { Snapshot } from "#control/api.ts";
import { keyOf } from "./routes.ts";

export const sparkSeconds = 60;

export type Sparks = ReadonlyMap<string, readonly number[]>;

export const noSparks: Sparks = new Map();

/** One second later. Routes at rest for the whole time have none. */
export function nextSparks(before: Sparks, { profiles }: Snapshot): Sparks {
  const next = new Map<string, readonly number[]>();
  for (const profile of profiles) {
    for (const route of profile.routes) {
      const key = keyOf(profile.profile, route.name);
      const known = before.get(key);
      if (known === undefined && route.perSecond === undefined) continue;
      const { receivedBytes = 0, sentBytes = 0 } = route.perSecond ?? {};
      const values = [...(known ?? []), receivedBytes + sentBytes].slice(-sparkSeconds);
      if (values.some((value) => value > 0)) next.set(key, values);
    }
  }
  return next;
}
