/** The paths of the Kubernetes API that the embedded server knows. */

import type { ResourceName } from "./status.ts";
import { type Collection, collections } from "./store.ts";

interface Kind extends ResourceName {
  readonly kind: string;
  readonly apiVersion: string;
  readonly namespaced: boolean;
}

/** What each collection is called in messages and objects. */
export const kinds: Readonly<Record<Collection, Kind>> = {
  namespaces: { group: "", resource: "namespaces", kind: "Namespace", apiVersion: "v1", namespaced: false },
  services: { group: "", resource: "services", kind: "Service", apiVersion: "v1", namespaced: true },
  pods: { group: "", resource: "pods", kind: "Pod", apiVersion: "v1", namespaced: true },
  endpointslices: {
    group: "discovery.k8s.io",
    resource: "endpointslices",
    kind: "EndpointSlice",
    apiVersion: "discovery.k8s.io/v1",
    namespaced: true,
  },
  deployments: { group: "apps", resource: "deployments", kind: "Deployment", apiVersion: "apps/v1", namespaced: true },
  statefulsets: { group: "apps", resource: "statefulsets", kind: "StatefulSet", apiVersion: "apps/v1", namespaced: true },
  replicasets: { group: "apps", resource: "replicasets", kind: "ReplicaSet", apiVersion: "apps/v1", namespaced: true },
  daemonsets: { group: "apps", resource: "daemonsets", kind: "DaemonSet", apiVersion: "apps/v1", namespaced: true },
  jobs: { group: "batch", resource: "jobs", kind: "Job", apiVersion: "batch/v1", namespaced: true },
  replicationcontrollers: {
    group: "",
    resource: "replicationcontrollers",
    kind: "ReplicationController",
    apiVersion: "v1",
    namespaced: true,
  },
};

export type ApiPath =
  | { readonly kind: "version" }
  | { readonly kind: "health" }
  | { readonly kind: "access-review" }
  | { readonly kind: "collection"; readonly collection: Collection; readonly namespace: string | undefined }
  | { readonly kind: "object"; readonly collection: Collection; readonly namespace: string | undefined; readonly name: string }
  | { readonly kind: "port-forward"; readonly namespace: string; readonly name: string }
  /** A group that is there with a resource that is not: the answer is a Status. */
  | { readonly kind: "no-such-resource" }
  | { readonly kind: "unknown" };

/** Where each group is, and its name. */
const groups = [
  ["/api/v1/", ""],
  ["/apis/discovery.k8s.io/v1/", "discovery.k8s.io"],
  ["/apis/apps/v1/", "apps"],
  ["/apis/batch/v1/", "batch"],
] as const;

export function parseApiPath(path: string): ApiPath {
  if (path === "/version") return { kind: "version" };
  if (path === "/readyz" || path === "/livez" || path === "/healthz") return { kind: "health" };
  if (path === "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews") return { kind: "access-review" };
  const found = groups.find(([prefix]) => path.startsWith(prefix));
  if (found === undefined) return { kind: "unknown" };
  const [prefix, group] = found;
  return resourcePath(group, path.slice(prefix.length).split("/").map(decodeURIComponent));
}

function resourcePath(group: string, segments: readonly string[]): ApiPath {
  const namespaced = segments[0] === "namespaces" && segments.length > 2;
  const namespace = namespaced ? segments[1] : undefined;
  const [resource = "", name, subresource, ...rest] = namespaced ? segments.slice(2) : segments;
  const collection = collectionNamed(group, resource);
  if (!collection || rest.length > 0) return { kind: "no-such-resource" };
  if (subresource !== undefined) {
    if (collection !== "pods" || subresource !== "portforward" || namespace === undefined || name === undefined) {
      return { kind: "no-such-resource" };
    }
    return { kind: "port-forward", namespace, name };
  }
  return name === undefined ? { kind: "collection", collection, namespace } : { kind: "object", collection, namespace, name };
}

function collectionNamed(group: string, resource: string): Collection | undefined {
  return collections.find((name) => name === resource && kinds[name].group === group);
}
