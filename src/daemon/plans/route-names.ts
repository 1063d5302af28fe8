/** Which targets the routes of the attached profiles name, and which routes lead to one. */

import { namedRoutes } from "#profile/values/planned.ts";
import type { Plan } from "#profile/values/plan.ts";
import { targetKey } from "#route/target.ts";

/** By the target's key. What patterns and dynamic names lead to is not known before it is asked for. */
export function routeNames(plans: readonly Plan[]): ReadonlyMap<string, readonly string[]> {
  const named = plans.flatMap(namedRoutes).map(({ name, target }) => ({ name, key: targetKey(target) }));
  const byKey = Map.groupBy(named, ({ key }) => key);
  return new Map([...byKey].map(([key, those]) => [key, [...new Set(those.map(({ name }) => name))]]));
}

/** Keys of the targets that are named outright, as against those that patterns and dynamic names may reach. */
export function namedTargets(plans: readonly Plan[]): Set<string> {
  return new Set(plans.flatMap(namedRoutes).map(({ target }) => targetKey(target)));
}
