/** Whether all is well, in one word. Pure. */

import type { RouteStatus, Snapshot } from "#control/api.ts";

const unwell: readonly RouteStatus["state"][] = ["failed", "blocked", "conflict"];

/** A route that is not in use cannot fail. */
export function isHealthy({ hub, profiles }: Snapshot): boolean {
  return hub.problem === undefined && profiles.every(({ routes }) => routes.every(isWell));
}

export function isWell({ state }: Pick<RouteStatus, "state">): boolean {
  return !unwell.includes(state);
}
