/** Reads pods for people: those behind a target, whatever their state, and what their containers write. */

import { KtError } from "#base/errors.ts";
import type { Api } from "#kube/api/api.ts";
import type { Access } from "#kube/api/api-problem.ts";
import { kubeLimits } from "#kube/limits.ts";
import { pickService, type RawList, type RawObject } from "#kube/objects/objects.ts";
import { pickPodDetail } from "#kube/objects/pod-detail.ts";
import type { FollowRequest, PodDetail, PodLogRequest } from "#kube/objects/types.ts";
import { collectionPath, pickWorkload, workloadApis } from "#kube/objects/workload.ts";

type PodsRequest = Pick<FollowRequest, "kind" | "namespace" | "name">;

export class PodReader {
  readonly #api: Api;

  constructor(api: Api) {
    this.#api = api;
  }

  /** See Cluster.podsBehind. */
  async behind(request: PodsRequest, signal: AbortSignal): Promise<readonly PodDetail[]> {
    const { kind, namespace, name } = request;
    if (kind === "pod") return [pickPodDetail(await this.#get({ group: "", resource: "pods" }, namespace, name, signal))];
    const selector = await this.#selector(request, signal);
    if (selector === "") throw noSelector(request);
    const query = new URLSearchParams({ labelSelector: selector, limit: String(kubeLimits.podsShown) });
    const access = { verb: "list", resource: "pods", group: "", namespace } as const;
    const list = (await this.#api.get(`${collectionPath("", namespace, "pods")}?${query}`, access, signal)) as RawList<RawObject>;
    return (list.items ?? []).map(pickPodDetail).sort((one, other) => (one.name < other.name ? -1 : 1));
  }

  /** See Cluster.podLog. */
  async log(
    { namespace, pod, container, lines, follow }: PodLogRequest,
    onBytes: (bytes: Uint8Array) => void,
    signal: AbortSignal,
  ): Promise<void> {
    const query = new URLSearchParams({
      follow: String(follow),
      tailLines: String(lines),
      ...(container === undefined ? {} : { container }),
    });
    const path = `${collectionPath("", namespace, "pods")}/${encodeURIComponent(pod)}/log?${query}`;
    await this.#api.tail(path, { verb: "get", resource: "pods/log", group: "", namespace, name: pod }, onBytes, signal);
  }

  /** As the API writes it; "" where nothing says which pods are its own. */
  async #selector({ kind, namespace, name }: PodsRequest, signal: AbortSignal): Promise<string> {
    if (kind === "pod") return "";
    if (kind !== "service") return pickWorkload(kind, await this.#get(workloadApis[kind], namespace, name, signal)).selector;
    const { selector = {} } = pickService(await this.#get({ group: "", resource: "services" }, namespace, name, signal));
    return Object.entries(selector)
      .map(([key, value]) => `${key}=${value}`)
      .join(",");
  }

  async #get(
    { group, resource }: Pick<Access, "group" | "resource">,
    namespace: string,
    name: string,
    signal: AbortSignal,
  ): Promise<RawObject> {
    const path = `${collectionPath(group, namespace, resource)}/${encodeURIComponent(name)}`;
    return (await this.#api.get(path, { verb: "get", resource, group, namespace, name }, signal)) as RawObject;
  }
}

function noSelector({ kind, namespace, name }: PodsRequest): KtError {
  return new KtError("no-ready-pod", `${kind} "${namespace}/${name}" has no selector: nothing says which pods are its own`);
}
