/** Explains a service of the cluster that leads to this machine: how it stands there, and whether something listens here. */

import { daemonLimits } from "#daemon/limits.ts";
import type { Step } from "#control/api.ts";
import { connectTcp } from "#net/tcp.ts";
import { formatListen } from "#profile/values/listen.ts";
import type { ListenAddress, Plan, PlannedReverse } from "#profile/values/plan.ts";
import type { ReverseStanding } from "#daemon/plans/reverse-outcomes.ts";
import { problemOf } from "#tunnel/standing.ts";

export interface ExplainedReverse {
  readonly planned: PlannedReverse;
  /** Undefined where no hub serves it. */
  readonly standing: ReverseStanding | undefined;
}

/** By the name as written, or with its namespace, or without. */
export function findReverse(plan: Plan, subject: string): PlannedReverse | undefined {
  return plan.reverses.find(({ name, namespace, service, port }) => {
    const short = `${service}:${port}`;
    return [name, short, `${namespace ?? ""}/${short}`].includes(subject);
  });
}

export async function explainReverse({ planned, standing }: ExplainedReverse): Promise<Step[]> {
  const { name, context, local, replace } = planned;
  const where = `${context === undefined ? "" : ` of context "${context}"`}${replace ? ", in place of the one that is there," : ""}`;
  const to = local.map(formatListen).join(" or ");
  return [
    { step: "reverse", verdict: `the service "${name}"${where} leads to ${to} on this machine`, outcome: "match" },
    ...standingSteps(standing),
    await localStep(local),
  ];
}

function standingSteps(standing: ReverseStanding | undefined): Step[] {
  if (!standing) return [{ step: "service", verdict: "no hub serves the profile: kt up", outcome: "info" }];
  if (standing.state === "running")
    return [{ step: "service", verdict: `leads here by the pod ${standing.pod ?? ""}`.trimEnd(), outcome: "match" }];
  if (standing.state === "stopped")
    return [{ step: "service", verdict: "was stopped: x in kt tui starts it again", outcome: "stop", code: "route-stopped" }];
  const problem = problemOf(standing);
  if (!problem) return [{ step: "service", verdict: "its relay is being started", outcome: "info" }];
  const hints = problem.hints.map((verdict): Step => ({ step: "hint", verdict, outcome: "info" }));
  return [{ step: "service", verdict: problem.message, outcome: "stop", code: problem.code }, ...hints];
}

async function localStep(local: readonly ListenAddress[]): Promise<Step> {
  const open = await Promise.all(local.map(isOpen));
  const taken = local.filter((_, at) => open[at] === true).map(formatListen);
  if (taken.length > 0) return { step: "local", verdict: `${taken.join(" and ")} accepts connections`, outcome: "match" };
  return { step: "local", verdict: `nothing listens on ${local.map(formatListen).join(" or ")}`, outcome: "stop", code: "target-refused" };
}

async function isOpen({ host, port }: ListenAddress): Promise<boolean> {
  try {
    const conn = await connectTcp({ host, port, signal: AbortSignal.timeout(daemonLimits.localProbeMs) });
    conn.abort();
    return true;
  } catch {
    return false;
  }
}
