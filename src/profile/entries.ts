/** Plans as what a route table is built from. */

import type { RouteEntries, StaticEntry } from "#route/lookup.ts";
import type { Plan, PlannedRoute } from "#profile/values/plan.ts";

/** The hostnames of several plans, in the order in which they were attached. */
export function routeEntries(plans: readonly Plan[]): RouteEntries {
  return {
    static: plans.flatMap(({ profile, routes }) => routes.map((route) => staticEntry(profile, route))),
    patterns: plans.flatMap(({ profile, patterns }) =>
      patterns.map(({ name, pattern, target, scheme, manner }) => ({ profile, route: name, pattern, target, scheme, manner })),
    ),
    dynamic: plans.map(({ profile, http, contexts }) => ({ profile, suffix: http.suffix, contexts, reach: http.dynamic })),
    origins: plans.map(({ profile, http }) => ({ profile, allowed: http.allowOrigins })),
  };
}

export function staticEntry(profile: string, { name: route, host, target, scheme, manner }: PlannedRoute): StaticEntry {
  return { profile, route, host, target, scheme, manner };
}
