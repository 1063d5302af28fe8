/** The names of the cluster that one profile reaches through the proxy, and which target each leads to with a port. */

import { globMatcher } from "#base/glob.ts";
import { isOtherPeoples } from "#base/other-peoples.ts";
import type { Forwarded } from "#discovery/forwarded.ts";
import { clusterLabels } from "#daemon/plans/cluster-labels.ts";
import type { ForwardsState } from "#daemon/plans/opened-forwards.ts";
import type { Cluster } from "#kube/objects/types.ts";
import type { Plan } from "#profile/values/plan.ts";
import { spokenPlaces } from "#profile/values/planned.ts";
import { readClusterName } from "#route/cluster-names.ts";
import type { Found, Manner, Refused } from "#route/lookup.ts";
import { refusedApiServer } from "#route/reach.ts";
import { formatTarget, type PodTarget } from "#route/target.ts";

/** The namespaces of one cluster that a profile speaks of. */
export interface ReachedCluster {
  /** As targets name it; undefined is the kubeconfig's current one. */
  readonly ref: string | undefined;
  /** The context itself; "" while that is not known. */
  readonly context: string;
  /** What names of the second cluster and of those after it end with. */
  readonly label: string | undefined;
  /** Names and globs, as the profile has them. */
  readonly namespaces: readonly string[];
}

/** Undefined while the kubeconfig cannot be read. */
export type ClusterOf = (context: string | undefined) => Pick<Cluster, "context" | "namespace"> | undefined;

/** What the client says is what the backend gets, as if there were no proxy between them. */
const manner: Manner = { forwarded: false, schemeGiven: true };

export class ProfileNames {
  readonly #plan: Plan;
  readonly clusters: readonly ReachedCluster[];
  readonly #isMeant: ReadonlyMap<ReachedCluster, (namespace: string) => boolean>;
  /** By hostname; of two places with one name the first. */
  readonly #places = new Map<string, Forwarded>();

  constructor(plan: Plan, state: ForwardsState, clusterOf: ClusterOf) {
    this.#plan = plan;
    this.clusters = reached(plan, clusterOf);
    this.#isMeant = new Map(this.clusters.map((each) => [each, globMatcher(each.namespaces)]));
    for (const place of state.all.forwarded) {
      for (const name of place.hostnames) if (!this.#places.has(name)) this.#places.set(name, place);
    }
  }

  /** What names end with that lead nowhere but here. */
  get suffixes(): readonly string[] {
    const { clusterDomain, forwards } = this.#plan;
    const ends = this.clusters.flatMap(({ label }) => ["svc", `svc.${clusterDomain}`].map((end) => [end, label].filter(Boolean).join(".")));
    return [...new Set([...ends, ...forwards.flatMap(({ domain }) => domain ?? [])])];
  }

  /** Names that no rule describes: those that services of the first [[forward]] have by themselves. */
  get bareNames(): readonly string[] {
    return [...this.#places.keys()].filter((name) => !name.includes("."));
  }

  /** Of a normalised name. */
  find(host: string, port: number): Found | Refused | undefined {
    const place = this.#places.get(host);
    return place ? this.#known(host, place, port) : this.#guessed(host, port);
  }

  #known(host: string, place: Forwarded, port: number): Found | Refused | undefined {
    const { name, namespace, service, pod, context } = place;
    const cluster = this.clusters.find((each) => each.context === context);
    if (!cluster) return undefined;
    const declared = place.ports.find((each) => each.port === port && each.transport === undefined);
    if (declared === undefined) return this.#derived(host, { service, namespace, pod }, port, cluster);
    const source = pod === undefined ? { kind: "service" as const, name: service } : { kind: "pod" as const, name: pod };
    const target = { ...source, cluster: this.#ref(cluster), namespace, port: declared.targetPort };
    const { profile } = this.#plan;
    return { kind: "found", profile, route: `${name}:${port}`, via: "static", target, scheme: "http", manner };
  }

  #guessed(host: string, port: number): Found | Refused | undefined {
    const labelled = this.clusters.find(({ label }) => label !== undefined && host.endsWith(`.${label}`));
    const bare = labelled?.label === undefined ? host : host.slice(0, -labelled.label.length - 1);
    const cluster = labelled ?? this.clusters[0];
    const read = isOtherPeoples(host) ? undefined : readClusterName(bare, this.#plan.clusterDomain);
    if (cluster === undefined || read === undefined || this.#isMeant.get(cluster)?.(read.namespace) !== true) return undefined;
    return this.#derived(host, read, port, cluster);
  }

  #derived(
    host: string,
    { pod, service, namespace }: Pick<Forwarded, "pod" | "service" | "namespace">,
    port: number,
    cluster: ReachedCluster,
  ): Found | Refused {
    const source = pod === undefined ? { kind: "service" as const, name: service } : { kind: "pod" as const, name: pod };
    const target: PodTarget = { ...source, cluster: this.#ref(cluster), namespace, port, derived: { mustBeCurrent: false } };
    const refused = refusedApiServer(host, target, `[routes] "NAME.localhost" = "${formatTarget(target)}"`);
    if (refused) return refused;
    const name = [pod, service, namespace, cluster.label].filter((part) => part !== undefined).join(".");
    return { kind: "found", profile: this.#plan.profile, route: `${name}:${port}`, via: "dynamic", target, scheme: "http", manner };
  }

  #ref({ ref }: ReachedCluster): PodTarget["cluster"] {
    return { profile: this.#plan.profile, context: ref };
  }
}

/** In the order of the [[forward]]s, whose first has names without an end of their own; then the profile's own, and those of its routes. */
function reached(plan: Plan, clusterOf: ClusterOf): ReachedCluster[] {
  const byContext = new Map<string, { ref: string | undefined; namespaces: Set<string> }>();
  for (const { context, namespace } of spokenPlaces(plan)) {
    const cluster = clusterOf(context);
    const name = cluster?.context ?? context ?? "";
    const known = byContext.get(name) ?? { ref: context, namespaces: new Set() };
    const own = namespace ?? cluster?.namespace;
    if (own !== undefined) known.namespaces.add(own);
    byContext.set(name, known);
  }
  const labels = clusterLabels([...byContext.keys()], plan.contexts);
  return [...byContext].map(([context, { ref, namespaces }]) => ({
    ref,
    context,
    label: labels.get(context),
    namespaces: [...namespaces],
  }));
}
