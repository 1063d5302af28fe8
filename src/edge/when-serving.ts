/** Waits until an edge serves what its plan has: until then another one that served before goes on. */

import { type Clock, sleep } from "#base/clock.ts";
import type { EdgeStatus } from "#expose/host/edge-status.ts";
import { edgeLimits } from "./limits.ts";

/** Resolves when every binding has come to its state, or when that takes too long: an uplink that is away must not hold the rest back. */
export async function whenServing(status: () => EdgeStatus, clock: Clock): Promise<void> {
  const end = clock.now() + edgeLimits.servingMs;
  while (clock.now() < end && !isSettled(status())) await sleep(clock, edgeLimits.servingLookMs);
}

function isSettled({ hash, bindings }: EdgeStatus): boolean {
  return hash !== "" && bindings.every(({ state }) => state !== "NoUplink");
}
