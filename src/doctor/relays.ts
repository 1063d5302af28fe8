/** Relays that kt made and that never ran: others end by themselves, and these would only after days. */

import { type Clock, systemClock } from "#base/clock.ts";
import { command } from "#base/shell.ts";
import { silentLog } from "#base/log.ts";
import { Clusters } from "#daemon/plans/clusters.ts";
import { kubectlScope } from "#kube/api/api-problem.ts";
import type { KnownJob } from "#kube/objects/known-job.ts";
import type { Cluster } from "#kube/objects/types.ts";
import { namedRoutes } from "#profile/values/planned.ts";
import type { Plan } from "#profile/values/plan.ts";
import { relayLabels } from "#tunnel/relay/manifest.ts";
import { hasRelay } from "#tunnel/relay/relays.ts";
import { type Finding, Findings } from "./finding.ts";
import { doctorLimits } from "./limits.ts";
import type { TryOptions } from "./try-routes.ts";

const selector = Object.entries(relayLabels)
  .map(([key, value]) => `${key}=${value}`)
  .join(",");

/** In the contexts of the plan's routes. Where they may not be listed, nothing is said: connections say what they lack. */
export async function examineRelays(plan: Plan, { view, providers, clock = systemClock }: TryOptions): Promise<readonly Finding[]> {
  if (!hasRelay(plan.relay)) return [];
  await providers.prepare();
  const clusters = new Clusters({ open: providers.openCluster, viewOf: () => view, clock, log: silentLog, report() {} });
  const contexts = new Set([plan.context, ...namedRoutes(plan).map(({ target }) => target.cluster.context)]);
  const findings = new Findings("routes");
  try {
    for (const context of contexts) await examine(clusters.for({ profile: plan.profile, context }), plan, findings, clock);
  } finally {
    clusters.close();
  }
  return findings.list;
}

async function examine(cluster: Cluster, { relay }: Plan, findings: Findings, clock: Clock): Promise<void> {
  const namespace = relay.namespace ?? cluster.namespace;
  const jobs = await cluster.jobs.list(namespace, selector, AbortSignal.timeout(doctorLimits.doctorAskMs)).catch(() => []);
  for (const job of jobs.filter((each) => isLeft(each, clock.wallMs()))) {
    const by = job.annotations["kt.dev/made-by"] ?? "another user";
    findings.warn(`the relay "${namespace}/${job.name}", made by ${by}, has never run`, [
      command`kubectl delete job ${job.name} ${kubectlScope(namespace, cluster.context)}`,
    ]);
  }
}

const isLeft = ({ isOver, isRunning, createdMs }: KnownJob, nowMs: number): boolean =>
  !isOver && !isRunning && nowMs - createdMs > doctorLimits.relayStartMs;
