/** Whether every route of the profile leads to a pod, once its cluster is known to answer. */

import { withTargets } from "#profile/values/planned.ts";
import type { TriedRoute } from "./try-routes.ts";
import type { Plan } from "#profile/values/plan.ts";
import { type Finding, Findings } from "./finding.ts";

/** The plan without the routes of contexts in which something is broken already: they would only say so again. */
export function routesWorthTrying(plan: Plan, isBroken: (context: string | undefined) => boolean): Plan {
  return withTargets(plan, ({ cluster }) => !isBroken(cluster.context));
}

/** `left` is how many were not tried. */
export function judgeRoutes(tried: readonly TriedRoute[], left: number): readonly Finding[] {
  const findings = new Findings("routes");
  const names: string[] = [];
  for (const { name, target, result } of tried) {
    if ("problem" in result) findings.broken(`${name} → ${target}: ${result.problem.message}`, result.problem.hints);
    else names.push(name);
  }
  if (names.length > 0) findings.ok(`${names.join(", ")} ${names.length === 1 ? "leads" : "lead"} to a pod`);
  if (left > 0) findings.skipped(`${left} route${left === 1 ? "" : "s"}: what is wrong above comes first`);
  return findings.list;
}
