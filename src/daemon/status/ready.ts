/** Waits until routes lead to a ready pod, or says why they do not. */

import { namedRoutes } from "#profile/values/planned.ts";
import type { ReplyOf, RouteStatus } from "#control/api.ts";
import { KtError, toKtError } from "#base/errors.ts";
import { toProblem } from "#observe/events.ts";
import type { Plan } from "#profile/values/plan.ts";
import { formatTarget, type Target } from "#route/target.ts";

export interface ReadyContext {
  readonly plan: Plan;
  /** As the snapshot shows the profile's routes. */
  readonly statuses: readonly RouteStatus[];
  /** Rejects with why a connection would have failed. */
  readonly prepare: (target: Target) => Promise<void>;
}

type Readiness = ReplyOf<"ready">["routes"][number];

/** `names` are those of static routes. Rejects for one that the profile does not have. */
export async function waitReady(names: readonly string[], context: ReadyContext): Promise<Readiness[]> {
  return await Promise.all(names.map((name) => readinessOf(name, context)));
}

async function readinessOf(name: string, { plan, statuses, prepare }: ReadyContext): Promise<Readiness> {
  const route = namedRoutes(plan).find((each) => each.name === name);
  if (!route) throw new KtError("route-unknown", `profile "${plan.name}" has no route "${name}"`);
  const status = statuses.find((each) => each.name === name);
  // A port that another program has is tried again, but not while a command waits.
  if (status?.state === "blocked" || status?.state === "conflict") return { name, problem: status.problem };
  try {
    await prepare(route.target);
    return { name };
  } catch (error) {
    const { code, message, hints } = toProblem(toKtError(error, "internal", `prepare ${formatTarget(route.target)}`));
    return { name, problem: { code, message, hints: [...hints] } };
  }
}
