/** Reads the objects of the public edge from a cluster, and what they refer to: Services, and the names of what Secrets hold. */

import type { Lookups, SeenService } from "#expose/plan/lookups.ts";
import { type ExposeObjects, formatName, type ObjectName } from "#expose/resources/read-objects.ts";
import { isRecord } from "#expose/schema/problem.ts";
import type { Api } from "#kube/api/api.ts";
import { isStatus } from "#kube/api/api-problem.ts";
import type { ContextSourceOptions } from "#kube/api/context-source.ts";
import { pickService, type RawObject } from "#kube/objects/objects.ts";
import { collectionPath } from "#kube/objects/workload.ts";
import { seenBinding, seenNode } from "#operator/cluster/seen.ts";
import { listEdge, withApi } from "./listed-edge.ts";
import type { SeenEdge } from "./seen-edge.ts";

/** Of the namespace, or of all. Rejects as `Api.get` does, and with `cluster-error` where the cluster does not have the kinds. */
export async function edgeOfCluster(options: ContextSourceOptions, namespace: string | undefined): Promise<SeenEdge> {
  return await withApi(options, async (api) => await new EdgeReader(api).read(namespace));
}

/** What was asked for, each thing once; "unknown" where the user may not read it. */
type Found<Item> = ReadonlyMap<string, Item | undefined | "unknown">;

class EdgeReader {
  readonly #api: Api;
  readonly #signal = new AbortController().signal;

  constructor(api: Api) {
    this.#api = api;
  }

  async read(namespace: string | undefined): Promise<SeenEdge> {
    const { nodes, portBindings } = await listEdge(this.#api, namespace, this.#signal);
    const objects = {
      nodes: nodes.map((raw) => seenNode(raw).object),
      portBindings: portBindings.map((raw) => seenBinding(raw).object),
    };
    const [services, secrets] = await Promise.all([
      this.#each("services", servicesOf(objects), seenService),
      this.#each("secrets", secretsOf(objects), keysOf),
    ]);
    const lookups: Lookups = {
      service: (name) => services.get(formatName(name)),
      secretKeys: (name) => secrets.get(formatName(name)),
    };
    return { objects, lookups };
  }

  async #each<Item>(resource: string, names: readonly ObjectName[], pick: (raw: RawObject) => Item): Promise<Found<Item>> {
    const distinct = new Map(names.map((name) => [formatName(name), name]));
    const found = await Promise.all([...distinct].map(async ([key, name]) => [key, await this.#one(resource, name, pick)] as const));
    return new Map(found);
  }

  async #one<Item>(
    resource: string,
    { namespace, name }: ObjectName,
    pick: (raw: RawObject) => Item,
  ): Promise<Item | undefined | "unknown"> {
    const path = `${collectionPath("", namespace, resource)}/${encodeURIComponent(name)}`;
    try {
      const raw = await this.#api.get(path, { verb: "get", resource, group: "", namespace, name }, this.#signal);
      return pick(raw as RawObject);
    } catch (error) {
      if (isStatus(error, 404)) return undefined;
      if (isStatus(error, 403)) return "unknown";
      throw error;
    }
  }
}

function servicesOf({ portBindings }: ExposeObjects): ObjectName[] {
  return portBindings.flatMap(({ bindings }) => bindings.flatMap(({ definition }) => definition?.target.service ?? []));
}

function secretsOf({ portBindings }: ExposeObjects): ObjectName[] {
  return portBindings.flatMap(({ namespace, bindings }) =>
    bindings.flatMap(({ definition }) => {
      const ref = definition?.tls?.mode === "passthrough" ? undefined : definition?.tls?.secretRef;
      return ref ? [{ namespace: ref.namespace || namespace, name: ref.name }] : [];
    }),
  );
}

function seenService(raw: RawObject): SeenService {
  const { addresses = [], headless, ports, type } = pickService(raw);
  const without = headless ? "it is headless" : `it is of type ${type}`;
  return { address: type === "ExternalName" ? undefined : addresses[0], without, ports };
}

/** What they hold is dropped at once. */
function keysOf(raw: RawObject): ReadonlySet<string> {
  const data = isRecord(raw) ? raw["data"] : undefined;
  return new Set(isRecord(data) ? Object.entries(data).flatMap(([key, value]) => (value === "" ? [] : [key])) : []);
}
