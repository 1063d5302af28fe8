/** Relays that kt made and that never ran, where others end by themselves, and services that a relay could not give back. */

import { type Clock, systemClock } from "#base/clock.ts";
import { command } from "#base/shell.ts";
import { silentLog } from "#base/log.ts";
import { Clusters } from "#daemon/plans/clusters.ts";
import { kubectlScope } from "#kube/api/api-problem.ts";
import type { KnownJob } from "#kube/objects/known-job.ts";
import { isReplaced, relayOf, restoration } from "#kube/objects/replaced-service.ts";
import type { Cluster } from "#kube/objects/types.ts";
import { namedRoutes } from "#profile/values/planned.ts";
import type { Plan, PlannedReverse } from "#profile/values/plan.ts";
import type { ClusterRef } from "#route/target.ts";
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
  const places = [plan.context, ...namedRoutes(plan).map(({ target }) => target.cluster.context)].map((context) => ({
    context,
    namespace: plan.relay.namespace,
  }));
  const services = distinct(plan.reverses.map(({ context, namespace, service }) => ({ context, namespace, service })));
  const findings = new Findings("routes");
  const inCluster = async (context: string | undefined, look: (cluster: Cluster) => Promise<void>): Promise<void> => {
    const cluster = openOrNone(clusters, { profile: plan.profile, context });
    if (cluster) await look(cluster);
  };
  try {
    for (const { context, namespace } of distinct([...places, ...services.map(({ service: _, ...place }) => place)]))
      await inCluster(context, (cluster) => examine(cluster, namespace, findings, clock));
    for (const service of services) await inCluster(service.context, (cluster) => examineReplaced(cluster, service, findings));
  } finally {
    clusters.close();
  }
  return findings.list;
}

const distinct = <Place>(places: readonly Place[]): Place[] => [...new Map(places.map((place) => [JSON.stringify(place), place])).values()];

/** What is wrong with the context is said elsewhere. */
function openOrNone(clusters: Clusters, ref: ClusterRef): Cluster | undefined {
  try {
    return clusters.for(ref);
  } catch {
    return undefined;
  }
}

/** A service that still leads to a relay which is gone: the pod was killed, and its user's hub as well. */
async function examineReplaced(
  cluster: Cluster,
  { namespace: named, service: name }: Pick<PlannedReverse, "namespace" | "service">,
  findings: Findings,
): Promise<void> {
  const namespace = named ?? cluster.namespace;
  const signal = AbortSignal.timeout(doctorLimits.doctorAskMs);
  const service = await cluster.services.get(namespace, name, signal).catch(() => undefined);
  const relay = service && isReplaced(service) ? relayOf(service) : undefined;
  if (service === undefined || relay === undefined) return;
  const job = await cluster.jobs.get(namespace, relay, signal).catch(() => ({ isOver: false }));
  if (job && !job.isOver) return;
  const change = JSON.stringify(restoration(service));
  findings.warn(`the service "${namespace}/${name}" still leads to a relay of kt that is gone`, [
    command`kubectl patch service ${name} --type=merge -p ${change} ${kubectlScope(namespace, cluster.context)}`,
  ]);
}

async function examine(cluster: Cluster, of: string | undefined, findings: Findings, clock: Clock): Promise<void> {
  const namespace = of ?? cluster.namespace;
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
