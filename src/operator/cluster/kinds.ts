/** The kinds of objects that the operator reads and writes, and where each is in the API. Pure. */

import { exposeGroup, exposeVersion } from "#expose/resources/crds.ts";

/** As the API takes and answers it; everything but the name may be missing. */
export interface KubeObject {
  readonly metadata: ObjectMeta;
  readonly spec?: unknown;
  readonly status?: unknown;
  readonly data?: Readonly<Record<string, string>>;
}

export interface ObjectMeta {
  readonly name: string;
  readonly namespace?: string;
  readonly uid?: string;
  readonly generation?: number;
  readonly resourceVersion?: string;
  readonly creationTimestamp?: string;
  readonly deletionTimestamp?: string;
  readonly labels?: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>>;
  readonly finalizers?: readonly string[];
}

export interface KubeKind {
  readonly kind: string;
  readonly apiVersion: string;
  /** "" is the core API. */
  readonly group: string;
  readonly resource: string;
}

const core = (kind: string, resource: string): KubeKind => ({ kind, apiVersion: "v1", group: "", resource });
const expose = (kind: string, resource: string): KubeKind => {
  return { kind, apiVersion: `${exposeGroup}/${exposeVersion}`, group: exposeGroup, resource };
};

export const kubeKinds = {
  edgeNode: expose("EdgeNode", "edgenodes"),
  portBinding: expose("PortBinding", "portbindings"),
  service: core("Service", "services"),
  secret: core("Secret", "secrets"),
  configMap: core("ConfigMap", "configmaps"),
  pod: core("Pod", "pods"),
  event: core("Event", "events"),
  statefulSet: { kind: "StatefulSet", apiVersion: "apps/v1", group: "apps", resource: "statefulsets" },
  lease: { kind: "Lease", apiVersion: "coordination.k8s.io/v1", group: "coordination.k8s.io", resource: "leases" },
} as const satisfies Readonly<Record<string, KubeKind>>;

/** Of a namespace, or of all. */
export function kindPath({ group, apiVersion, resource }: KubeKind, namespace?: string): string {
  const root = group === "" ? `/api/${apiVersion}` : `/apis/${apiVersion}`;
  return namespace === undefined ? `${root}/${resource}` : `${root}/namespaces/${encodeURIComponent(namespace)}/${resource}`;
}
