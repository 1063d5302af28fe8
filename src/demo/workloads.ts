/** Deployments and other workloads of the embedded cluster, which say which pods are theirs. Nothing makes pods of them here. */

import type { Collection, ObjectStore } from "./store.ts";

export interface WorkloadSpec {
  readonly kind: Extract<Collection, "deployments" | "statefulsets" | "replicasets" | "daemonsets" | "jobs" | "replicationcontrollers">;
  readonly namespace: string;
  readonly name: string;
  /** The labels of its pods. */
  readonly selector: Readonly<Record<string, string>>;
  /** Undefined for kinds that do not count. */
  readonly replicas?: number;
  readonly containerPorts?: readonly { readonly name?: string; readonly containerPort: number }[];
}

/** Creates or replaces a workload. */
export function putWorkload(store: ObjectStore, { kind, namespace, name, selector, replicas, containerPorts = [] }: WorkloadSpec): void {
  store.put(kind, {
    metadata: { name, namespace, labels: selector },
    spec: {
      ...(replicas === undefined ? {} : { replicas }),
      selector: kind === "replicationcontrollers" ? selector : { matchLabels: selector },
      template: { metadata: { labels: selector }, spec: { containers: [{ name: "app", ports: containerPorts }] } },
    },
    status: { observedGeneration: 1, ...(replicas === undefined ? {} : { replicas }) },
  });
}
