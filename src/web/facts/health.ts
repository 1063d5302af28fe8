/** Whether all is well, in one word. Pure. */

import type { RouteStatus, Snapshot } from "#control/api.ts";

const unwell: readonly RouteStatus["state"][] = ["failed", "blocked", "conflict"];

/** A route that is not in use cannot fail. */
export function isHealthy({ hub, profiles }: Snapshot): boolean {
  return hub.problem === undefined && profiles.every(({ routes }) => routes.every(isWell));
}

/** Whether a new connection would be tried: what the user stopped is well, but not up. */
export function isUp(route: Pick<RouteStatus, "state">): boolean {
  return isWell(route) && route.state !== "stopped";
}

function isWell({ state }: Pick<RouteStatus, "state">): boolean {
  return !unwell.includes(state);
}
