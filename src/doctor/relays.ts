/** Relays that kt made and that never ran, where others end by themselves, and services that a relay could not give back. */

import { type Clock, systemClock } from "#base/clock.ts";
import { toKtError } from "#base/errors.ts";
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
import { hasRelay } from "#tunnel/relay/has-relay.ts";
import { type Finding, Findings } from "./finding.ts";
import { doctorLimits } from "./limits.ts";
import type { TryOptions } from "./try-routes.ts";

const selector = Object.entries(relayLabels)
  .map(([key, value]) => `${key}=${value}`)
  .join(",");

/**
 * In the contexts of the plan's routes. Where they may not be listed, nothing is said: connections say what they lack. `fix`: they are also
 * removed, and given back.
 */
export async function examineRelays(
  plan: Plan,
  { view, providers, clock = systemClock }: TryOptions,
  fix: boolean,
): Promise<readonly Finding[]> {
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
      await inCluster(context, (cluster) => examine(cluster, namespace, findings, { clock, fix }));
    for (const service of services) await inCluster(service.context, (cluster) => examineReplaced(cluster, service, findings, fix));
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
  fix: boolean,
): Promise<void> {
  const namespace = named ?? cluster.namespace;
  const signal = AbortSignal.timeout(doctorLimits.doctorAskMs);
  const service = await cluster.services.get(namespace, name, signal).catch(() => undefined);
  const relay = service && isReplaced(service) ? relayOf(service) : undefined;
  if (service === undefined || relay === undefined) return;
  const job = await cluster.jobs.get(namespace, relay, signal).catch(() => ({ isOver: false }));
  if (job && !job.isOver) return;
  const change = restoration(service);
  if (change === undefined) return;
  const by = command`kubectl patch service ${name} --type=merge -p ${JSON.stringify(change)} ${kubectlScope(namespace, cluster.context)}`;
  await mend(findings, fix, {
    found: `the service "${namespace}/${name}" still leads to a relay of kt that is gone`,
    done: `gave the service "${namespace}/${name}" back, which still led to a relay of kt that is gone`,
    by,
    act: async () => (await cluster.services.patch(namespace, service, change, signal)) !== undefined,
  });
}

interface Examining {
  readonly clock: Clock;
  readonly fix: boolean;
}

async function examine(cluster: Cluster, of: string | undefined, findings: Findings, { clock, fix }: Examining): Promise<void> {
  const namespace = of ?? cluster.namespace;
  const signal = AbortSignal.timeout(doctorLimits.doctorAskMs);
  const jobs = await cluster.jobs.list(namespace, selector, signal).catch(() => []);
  for (const job of jobs.filter((each) => isLeft(each, clock.wallMs()))) {
    const which = `the relay "${namespace}/${job.name}", made by ${job.annotations["kt.dev/made-by"] ?? "another user"}`;
    await mend(findings, fix, {
      found: `${which}, has never run`,
      done: `removed ${which}, which had never run`,
      by: command`kubectl delete job ${job.name} ${kubectlScope(namespace, cluster.context)}`,
      act: () => removeLeft(cluster, namespace, job, signal),
    });
  }
}

/** False where it runs by now: a user has it. */
async function removeLeft(cluster: Cluster, namespace: string, { name, uid }: KnownJob, signal: AbortSignal): Promise<boolean> {
  const now = await cluster.jobs.get(namespace, name, signal);
  if (now?.uid === uid && now.isRunning) return false;
  if (now?.uid === uid) await cluster.jobs.remove(namespace, now, signal);
  return true;
}

interface Mending {
  readonly found: string;
  readonly done: string;
  /** The command that does the same. */
  readonly by: string;
  /** False where it has changed, so that nothing was done. */
  readonly act: () => Promise<boolean>;
}

async function mend(findings: Findings, fix: boolean, { found, done, by, act }: Mending): Promise<void> {
  if (!fix) {
    findings.warn(found, ["kt doctor --fix", by]);
    return;
  }
  try {
    if (await act()) findings.ok(done);
  } catch (error) {
    findings.warn(`${found}, and cannot be mended: ${toKtError(error, "internal", "mend it").message}`, [by]);
  }
}

const isLeft = ({ isOver, isRunning, createdMs }: KnownJob, nowMs: number): boolean =>
  !isOver && !isRunning && nowMs - createdMs > doctorLimits.relayStartMs;
