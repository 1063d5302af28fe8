/** Which routes of the attached profiles lead to a target, for the log. */

import type { Plan } from "#profile/values/plan.ts";
import { targetKey } from "#route/target.ts";

/** By the target's key. What patterns and dynamic names lead to is not known before it is asked for. */
export function routeNames(plans: readonly Plan[]): ReadonlyMap<string, readonly string[]> {
  const named = plans.flatMap(({ routes, tcp }) => [...routes, ...tcp].map(({ name, target }) => ({ name, key: targetKey(target) })));
  const byKey = Map.groupBy(named, ({ key }) => key);
  return new Map([...byKey].map(([key, those]) => [key, [...new Set(those.map(({ name }) => name))]]));
}
