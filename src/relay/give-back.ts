/** Makes the Service that a relay replaced as it was: by the relay itself, since its user may be gone without a word. */

import { type Clock, sleep } from "#base/clock.ts";
import { isAbout } from "#base/error-facts.ts";
import { toKtError } from "#base/errors.ts";
import type { Log } from "#base/log.ts";
import type { KnownService } from "#kube/objects/known-service.ts";
import { relayOf, replacedBy, restoration } from "#kube/objects/replaced-service.ts";
import type { Cluster } from "#kube/objects/types.ts";
import { relayLimits } from "./limits.ts";

export interface GiveBackOptions {
  /** As the pod's service account sees it; its namespace is the Service's. */
  readonly cluster: Pick<Cluster, "namespace" | "services">;
  readonly service: string;
  /** The uid of the relay's own Job; "" where the cluster does not say it. */
  readonly job: string;
  /** The relay's own pod. */
  readonly pod: string;
  readonly clock: Clock;
  readonly log: Log;
}

/** Tries until it is done, for as long as the pod may take to end. Never rejects. */
export async function giveBack(options: GiveBackOptions): Promise<void> {
  const { clock, log, service } = options;
  const untilMs = clock.now() + relayLimits.giveBackMs;
  for (;;) {
    try {
      if (await tryOnce(options)) return log("info", "service-given-back", { service });
    } catch (error) {
      const problem = toKtError(error, "reverse-failed", "give the service back");
      log("warn", "service-not-given-back", { service, text: problem.message });
      // Its account went with its Job: nothing comes back.
      if (isAbout(problem.code, "permission", "login")) return;
    }
    if (clock.now() >= untilMs) return;
    await sleep(clock, relayLimits.giveBackPauseMs);
  }
}

/** Returns whether nothing is left to do. */
async function tryOnce({ cluster, service: name, job, pod }: GiveBackOptions): Promise<boolean> {
  const signal = AbortSignal.timeout(relayLimits.giveBackTryMs);
  const { namespace, services } = cluster;
  const service = await services.get(namespace, name, signal);
  const change = service && isOurs(service, job, pod) ? restoration(service) : undefined;
  return !service || change === undefined || (await services.patch(namespace, service, change, signal)) !== undefined;
}

/** Where the Service leads to another relay, that one gives it back: also to a later one of the same name. A pod is named after its Job. */
function isOurs(service: KnownService, job: string, pod: string): boolean {
  if (job !== "") return replacedBy(service) === job;
  const name = relayOf(service);
  return name === undefined || pod.startsWith(`${name}-`);
}

/** Loaded when it is needed: a relay that replaces nothing speaks to no API server. */
export async function ownCluster(clock: Clock, log: Log): Promise<Cluster> {
  const { openCluster } = await import("#kube/kube-cluster.ts");
  return openCluster({ kubeconfig: [], context: undefined, environment: process.env, clock, log, onReachable() {} });
}
