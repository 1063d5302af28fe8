/** Whether all is well, in one word and for each route. Pure. */

import type { RouteStatus, Snapshot } from "#control/api.ts";

const unwell: readonly RouteStatus["state"][] = ["failed", "blocked", "conflict"];

/** A route that is not in use cannot fail. */
function isHealthy({ hub, profiles }: Snapshot): boolean {
  return hub.problem === undefined && profiles.every(({ routes }) => routes.every(isWell));
}

/** Whether a new connection would be tried: what the user stopped is well, but not up. */
export function isUp(route: Pick<RouteStatus, "state">): boolean {
  return isWell(route) && route.state !== "stopped";
}

function isWell({ state }: Pick<RouteStatus, "state">): boolean {
  return !unwell.includes(state);
}

/** What `/health/status` says: each route with its state, and why it fails. */
export function healthStatus(snapshot: Snapshot) {
  return {
    status: healthWord(snapshot),
    problem: snapshot.hub.problem,
    routes: snapshot.profiles.flatMap((profile) => profile.routes.map((route) => standingOf(profile, route))),
  };
}

/** What `/health/metrics` says: each route with its counts. */
export function healthMetrics({ profiles }: Snapshot) {
  return { routes: profiles.flatMap((profile) => profile.routes.map((route) => countsOf(profile, route))) };
}

export function healthWord(snapshot: Snapshot): "ok" | "failing" {
  return isHealthy(snapshot) ? "ok" : "failing";
}

function standingOf({ profile }: { readonly profile: string }, { name, url, target, state, pod, problem }: RouteStatus) {
  return { profile, route: name, url, target, state, pod, problem };
}

function countsOf({ profile }: { readonly profile: string }, route: RouteStatus) {
  const { name, openConnections, totalConnections, failures, requests, responses, receivedBytes, sentBytes, perSecond } = route;
  return { profile, route: name, openConnections, totalConnections, failures, requests, responses, receivedBytes, sentBytes, perSecond };
}
