/** The Service of a [[reverse]] in the cluster: made or replaced, kept, and given back. */

import { KtError } from "#base/errors.ts";
import { command } from "#base/shell.ts";
import { kubectlScope } from "#kube/api/api-problem.ts";
import type { KnownService } from "#kube/objects/known-service.ts";
import { isReplaced, isTcp, relayOf, replacement, restoration } from "#kube/objects/replaced-service.ts";
import type { Cluster } from "#kube/objects/types.ts";
import { tunnelLimits } from "#tunnel/limits.ts";
import { type MadeJob, podPorts, type ReverseDefinition, reverseName, serviceManifest, takeover } from "./manifests.ts";

export class ServiceClaim {
  readonly #cluster: Cluster;
  readonly #definition: ReverseDefinition;
  /** Of the relay's Job. */
  readonly #job: string;
  /** What was written last was a Service of kt's own. */
  #isMade = false;

  constructor(cluster: Cluster, definition: ReverseDefinition) {
    this.#cluster = cluster;
    this.#definition = definition;
    this.#job = reverseName(definition);
  }

  /** Rejects with why the Service cannot be had, before anything is made in the cluster. */
  async check(signal: AbortSignal): Promise<void> {
    const service = await this.#get(signal);
    if (service) await this.#assertFree(service, signal);
  }

  /** Leads the Service to the Job's relay. Rejects with KtError. */
  async take(job: MadeJob, signal: AbortSignal): Promise<void> {
    for (let attempt = 0; attempt < tunnelLimits.reverseWrites; attempt++) {
      const service = await this.#get(signal);
      if (await this.#write(service, job, signal)) return;
    }
    throw this.#problem("is being changed by others all the time");
  }

  /**
   * Why it does not lead here any more; undefined while it does. One that kt made is made again: the cluster removes it with an earlier
   * relay's Job, also when it has another owner by then. Rejects where that cannot be seen.
   */
  async look(job: MadeJob, signal: AbortSignal): Promise<KtError | undefined> {
    const service = await this.#get(signal);
    if (service && relayOf(service) === this.#job) return undefined;
    if (!service && this.#isMade) {
      await this.take(job, signal);
      return undefined;
    }
    return this.#problem(service ? "was changed by another, and does not lead here any more" : "was deleted by another", [
      command`kubectl get service ${this.#definition.service} -o yaml ${this.#scope}`,
    ]);
  }

  /** Makes everything as it was. Rejects with KtError. */
  async release(signal: AbortSignal): Promise<void> {
    for (let attempt = 0; attempt < tunnelLimits.reverseWrites; attempt++) {
      const service = await this.#get(signal);
      if (!service || relayOf(service) !== this.#job) return;
      const { namespace } = this.#definition;
      const change = restoration(service);
      if (change === undefined) return await this.#cluster.services.remove(namespace, service, signal);
      if (await this.#cluster.services.patch(namespace, service, change, signal)) return;
    }
    throw this.#problem("is being changed by others all the time");
  }

  /** Returns whether it was written: it may have changed in between. */
  async #write(service: KnownService | undefined, job: MadeJob, signal: AbortSignal): Promise<boolean> {
    const { services } = this.#cluster;
    const { namespace, ports, holder } = this.#definition;
    this.#isMade = !service || (relayOf(service) === this.#job && !isReplaced(service));
    if (!service) return (await services.create(namespace, serviceManifest(this.#definition, job), signal)) !== undefined;
    await this.#assertFree(service, signal);
    if (this.#isMade && service.owners.includes(job.uid)) return true;
    const change = this.#isMade ? takeover(job) : replacement(service, job, holder.user, podPorts(ports));
    return (await services.patch(namespace, service, change, signal)) !== undefined;
  }

  async #assertFree(service: KnownService, signal: AbortSignal): Promise<void> {
    if (service.isTerminating) throw this.#problem("is being removed by the cluster");
    const relay = relayOf(service);
    if (relay === this.#job) return;
    if (relay !== undefined) await this.#assertLeft(service, relay, signal);
    if (!this.#definition.replace) throw this.#problem("is there already", ["to have it lead here meanwhile, add replace = true"]);
    const why = isReplaced(service) ? undefined : this.#unfit(service);
    if (why !== undefined) throw this.#problem(`cannot be replaced: ${why}`);
  }

  /** A relay that is gone has left the Service behind: one that it made goes by itself. */
  async #assertLeft(service: KnownService, relay: string, signal: AbortSignal): Promise<void> {
    const job = await this.#cluster.jobs.get(this.#definition.namespace, relay, signal);
    const by = service.annotations["kt.dev/made-by"] ?? "another user";
    if (job && !job.isOver) throw this.#problem(`leads to ${by} already, by kt`, [`it is free again once kt is down there`]);
    if (!isReplaced(service)) throw this.#problem(`is left of ${by}, and is being removed by the cluster`);
  }

  /** What cannot lead to a pod of kt's, continuing "cannot be replaced: …". */
  #unfit({ type, isHeadless, selector, ports }: KnownService): string | undefined {
    if (type === "ExternalName") return "it is an alias of a name (ExternalName)";
    if (isHeadless) return "it is headless, and its name leads to its pods themselves";
    if (selector === undefined || Object.keys(selector).length === 0) return "it has no selector, and others write its endpoints";
    const tcp = ports.filter(isTcp).map(({ port }) => port);
    const missing = this.#definition.ports.find((port) => !tcp.includes(port));
    return missing === undefined ? undefined : `it has no TCP port ${missing}, but ${tcp.join(", ") || "none"}`;
  }

  async #get(signal: AbortSignal): Promise<KnownService | undefined> {
    const { namespace, service } = this.#definition;
    return await this.#cluster.services.get(namespace, service, signal);
  }

  get #scope(): ReturnType<typeof kubectlScope> {
    return kubectlScope(this.#definition.namespace, this.#cluster.context);
  }

  #problem(says: string, hints: readonly string[] = []): KtError {
    const { namespace, service } = this.#definition;
    return new KtError("reverse-failed", `the service "${namespace}/${service}" ${says}`, { hints });
  }
}
