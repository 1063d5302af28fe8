/** What there is to choose from: contexts of the kubeconfig, and the namespaces, services and pods of a cluster. */

import type { KtError } from "#base/errors.ts";
import { Api } from "#kube/api/api.ts";
import type { Access } from "#kube/api/api-problem.ts";
import { ContextSource, type ContextSourceOptions } from "#kube/api/context-source.ts";
import { withDeadline } from "#base/deadline.ts";
import { FileCache } from "#kube/config/files.ts";
import { inClusterContext } from "#kube/config/in-cluster.ts";
import { readKubeconfig } from "#kube/config/kubeconfig.ts";
import { pickService, type RawObject, type RawPodSpec } from "#kube/objects/objects.ts";
import { listAll } from "#kube/api/listing.ts";
import { collectionPath, workloadApis, type WorkloadKind } from "#kube/objects/workload.ts";

/** A TCP port. */
export interface CataloguePort {
  /** "" for one without. */
  readonly name: string;
  readonly port: number;
}

/** A service that has pods behind it and a TCP port. */
export interface CatalogueService {
  readonly name: string;
  readonly ports: readonly CataloguePort[];
}

/** A pod that has not ended. */
export interface CataloguePod {
  readonly name: string;
  readonly ready: boolean;
  /** Native sidecars included. */
  readonly containers: readonly CatalogueContainer[];
}

export interface CatalogueContainer {
  readonly name: string;
  readonly ports: readonly CataloguePort[];
}

/** A deployment or the like, with the ports of its pods. */
export interface CatalogueWorkload {
  readonly name: string;
  readonly ports: readonly CataloguePort[];
}

/** One context's cluster. Every list is in alphabetical order, and rejects as `Api.get` does: forbidden, cluster-unreachable, … */
export interface Catalogue {
  readonly context: string;
  /** The context's own, else "default". */
  readonly namespace: string;
  namespaces(): Promise<readonly string[]>;
  services(namespace: string): Promise<readonly CatalogueService[]>;
  pods(namespace: string): Promise<readonly CataloguePod[]>;
  workloads(kind: WorkloadKind, namespace: string): Promise<readonly CatalogueWorkload[]>;
}

export interface CatalogueOptions extends ContextSourceOptions {
  /** How long one list may take. */
  readonly timeoutMs: number;
  /** Makes the error for a list that took longer. */
  readonly late: (server: string) => KtError;
}

/** Reads the kubeconfig; the cluster is asked when something is listed. Throws KtError as `openCluster` does. */
export function openCatalogue(options: CatalogueOptions): Catalogue {
  return new KubeCatalogue(options);
}

class KubeCatalogue implements Catalogue {
  readonly context: string;
  readonly namespace: string;
  readonly #options: CatalogueOptions;
  readonly #api: Api;

  constructor(options: CatalogueOptions) {
    const source = new ContextSource(options, () => {});
    const { name, namespace } = source.connection().config;
    this.context = name;
    this.namespace = namespace;
    this.#options = options;
    this.#api = new Api({ connection: () => source.connection(), clock: options.clock, onReachable() {} });
  }

  async namespaces(): Promise<readonly string[]> {
    const access = { verb: "list", resource: "namespaces", group: "", namespace: "" } as const;
    const name = ({ metadata }: RawObject): string | undefined => (metadata?.deletionTimestamp === undefined ? metadata?.name : undefined);
    return [...(await this.#list("/api/v1/namespaces", access, name))].sort();
  }

  async services(namespace: string): Promise<readonly CatalogueService[]> {
    return await this.#namespaced(namespace, { group: "", resource: "services" }, pickCatalogueService);
  }

  async pods(namespace: string): Promise<readonly CataloguePod[]> {
    return await this.#namespaced(namespace, { group: "", resource: "pods" }, pickCataloguePod);
  }

  async workloads(kind: WorkloadKind, namespace: string): Promise<readonly CatalogueWorkload[]> {
    return await this.#namespaced(namespace, workloadApis[kind], (raw) => pickCatalogueWorkload(kind, raw));
  }

  async #namespaced<Item extends { readonly name: string }>(
    namespace: string,
    api: Pick<Access, "group" | "resource">,
    pick: (raw: RawObject) => Item | undefined,
  ): Promise<readonly Item[]> {
    const path = collectionPath(api.group, namespace, api.resource);
    return [...(await this.#list(path, { verb: "list", ...api, namespace }, pick))].sort(byName);
  }

  /** Without those of which nothing is picked. */
  async #list<Item>(path: string, access: Access, pick: (raw: RawObject) => Item | undefined): Promise<readonly Item[]> {
    const { clock, timeoutMs, late } = this.#options;
    const tooLate = (): KtError => late(this.#api.requester.server);
    // A credential plugin is not ended by the signal, and need not be waited for.
    const { items } = await withDeadline(clock, timeoutMs, undefined, tooLate, (signal) =>
      Promise.race([listAll({ api: this.#api, path, access, pick }, signal), rejected(signal)]),
    );
    return items.filter((item) => item !== undefined);
  }
}

function rejected(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => signal.addEventListener("abort", () => reject(signal.reason), { once: true }));
}

function byName(left: { readonly name: string }, right: { readonly name: string }): number {
  return left.name < right.name ? -1 : 1;
}

function pickCatalogueService(raw: RawObject): CatalogueService | undefined {
  const { name, type, ports } = pickService(raw);
  const tcp = ports.filter(({ protocol }) => protocol === "TCP").map((each) => ({ name: each.name, port: each.port }));
  return type === "ExternalName" || tcp.length === 0 ? undefined : { name, ports: tcp };
}

/** Not of a deployment's former revisions. */
function pickCatalogueWorkload(kind: WorkloadKind, { metadata, spec }: RawObject): CatalogueWorkload | undefined {
  if (kind === "replicaset" && spec?.replicas === 0) return undefined;
  return { name: metadata?.name ?? "", ports: containersOf(spec?.template?.spec).flatMap(({ ports }) => ports) };
}

/** Not of one that is over or going. */
function pickCataloguePod({ metadata, spec, status }: RawObject): CataloguePod | undefined {
  if (metadata?.deletionTimestamp !== undefined || /^(Succeeded|Failed)$/.test(status?.phase ?? "")) return undefined;
  return {
    name: metadata?.name ?? "",
    ready: status?.conditions?.some(({ type, status: state }) => type === "Ready" && state === "True") ?? false,
    containers: containersOf(spec),
  };
}

function containersOf(spec: RawPodSpec | undefined): CatalogueContainer[] {
  const sidecars = (spec?.initContainers ?? []).filter(({ restartPolicy }) => restartPolicy === "Always");
  return [...(spec?.containers ?? []), ...sidecars].map(({ name, ports }) => ({
    name: name ?? "",
    ports: (ports ?? [])
      .filter(({ protocol }) => (protocol ?? "TCP") === "TCP")
      .map((port) => ({ name: port.name ?? "", port: port.containerPort ?? 0 })),
  }));
}

export interface Contexts {
  /** Undefined where the kubeconfig names none. */
  readonly current: string | undefined;
  /** In the order of the files. */
  readonly names: readonly string[];
}

/** What contexts the kubeconfig files have; in a pod without one, the service account's. Throws KtError `kubeconfig-unreadable`. */
export function listContexts({ kubeconfig, environment }: Pick<ContextSourceOptions, "kubeconfig" | "environment">): Contexts {
  const cache = new FileCache();
  const { files, currentContext, contexts } = readKubeconfig(kubeconfig, cache);
  const inCluster = files.length > 0 ? undefined : inClusterContext(environment, cache);
  if (inCluster) return { current: inCluster.name, names: [inCluster.name] };
  return { current: currentContext, names: [...contexts.keys()] };
}

/** The hosts of the API servers that the kubeconfig files name, without ports. Throws KtError `kubeconfig-unreadable`. */
export function listServers({ kubeconfig }: Pick<ContextSourceOptions, "kubeconfig">): readonly string[] {
  const { clusters } = readKubeconfig(kubeconfig, new FileCache());
  const hosts = [...clusters.values()].flatMap(({ server }) => URL.parse(server)?.hostname.replace(/^\[|\]$/g, "") ?? []);
  return [...new Set(hosts)];
}
