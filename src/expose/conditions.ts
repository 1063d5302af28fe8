/** What the statuses of the two kinds can say before anything is on a host: by the plan alone. Pure. */

import type { EdgePlan, PlannedBinding, RefusedBinding } from "./plan/edge-plan.ts";
import { type EdgeNodeObject, formatName, type PortBindingObject } from "./resources/read-objects.ts";
import { problemText } from "./schema/problem.ts";

/** Without the times, which those who write it know. */
export interface Condition {
  readonly type: string;
  readonly status: "True" | "False" | "Unknown";
  readonly reason: string;
  readonly message: string;
}

/** Undefined where the plan is one that can be put on the host. */
export function nodeProblem({ problems }: EdgeNodeObject): Condition | undefined {
  if (problems.length === 0) return undefined;
  return { type: "Ready", status: "False", reason: "PlanBuildFailed", message: problems.map(problemText).join("; ") };
}

/** `plan` is that of its EdgeNode; undefined where there is no such node, or it is wrong itself. */
export function programmed(object: PortBindingObject, plan: EdgePlan | "no node" | "wrong node"): Condition {
  const condition = (status: Condition["status"], reason: string, message: string): Condition => {
    return { type: "Programmed", status, reason, message };
  };
  if (object.problems.length > 0) return condition("False", "Invalid", object.problems.map(problemText).join("; "));
  const shown = `EdgeNode "${object.node ? formatName(object.node) : ""}"`;
  if (plan === "no node") return condition("False", "EdgeNodeNotFound", `there is no ${shown}`);
  if (plan === "wrong node") return condition("False", "PlanBuildFailed", `${shown} is wrong itself`);
  const own = ({ object: of }: PlannedBinding | RefusedBinding): boolean => formatName(of) === formatName(object);
  const refused = plan.refused.filter(own);
  const [first] = refused;
  if (first) return condition("False", first.state, refused.map(({ name, message }) => `${name}: ${message}`).join("; "));
  const count = plan.bindings.filter(own).length;
  return condition(
    "True",
    "Synced",
    `${count} ${count === 1 ? "binding is" : "bindings are"} part of the plan of "${formatName(plan.node)}"`,
  );
}
