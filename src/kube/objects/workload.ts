/** Deployments, jobs and the other workloads, as far as they say which pods are theirs. Pure. */

import { command, type Words } from "#base/shell.ts";
import type { RawCondition, RawWorkload } from "./objects.ts";
import type { PodGroup } from "./resolve-pods.ts";
import type { FollowRequest } from "./types.ts";

export type WorkloadKind = Exclude<FollowRequest["kind"], "service" | "pod">;

/** Where each kind is in the API. */
export const workloadApis: Readonly<Record<WorkloadKind, { readonly group: string; readonly resource: string }>> = {
  deployment: { group: "apps", resource: "deployments" },
  statefulset: { group: "apps", resource: "statefulsets" },
  replicaset: { group: "apps", resource: "replicasets" },
  daemonset: { group: "apps", resource: "daemonsets" },
  job: { group: "batch", resource: "jobs" },
  replicationcontroller: { group: "", resource: "replicationcontrollers" },
};

/** The path of a namespace's collection. */
export function collectionPath(group: string, namespace: string, resource: string): string {
  const root = group === "" ? "/api/v1" : `/apis/${group}/v1`;
  return `${root}/namespaces/${encodeURIComponent(namespace)}/${resource}`;
}

export interface Workload {
  readonly name: string;
  /** As the API writes it; "" matches nothing here, whatever it matches there. */
  readonly selector: string;
  /** Why it makes no pods, continuing the sentence "no pod is ready: …"; undefined while it does. */
  readonly resting: string | undefined;
}

export function pickWorkload(kind: WorkloadKind, raw: RawWorkload): Workload {
  return { name: raw.metadata?.name ?? "", selector: selectorText(kind, raw), resting: resting(kind, raw) };
}

function selectorText(kind: WorkloadKind, { spec }: RawWorkload): string {
  // Replication controllers are older than label selectors: theirs is the labels themselves.
  if (kind === "replicationcontroller") return labelPairs(spec?.selector ?? {}).join(",");
  const { matchLabels = {}, matchExpressions = [] } = spec?.selector ?? {};
  const labels = labelPairs(matchLabels);
  const expressions = matchExpressions.map(({ key, operator, values }) => {
    if (operator === "In" || operator === "NotIn") return `${key} ${operator.toLowerCase()} (${(values ?? []).join(",")})`;
    return operator === "DoesNotExist" ? `!${key}` : key;
  });
  return [...labels, ...expressions].join(",");
}

const labelPairs = (labels: object): string[] => Object.entries(labels).map(([key, value]) => `${key}=${value}`);

const scaledToZero = "it is scaled to zero";

function resting(kind: WorkloadKind, { spec, status }: RawWorkload): string | undefined {
  const condition = (type: string): RawCondition | undefined =>
    status?.conditions?.find((each) => each.type === type && each.status === "True");
  if (spec?.suspend === true) return "it is suspended";
  if (spec?.replicas === 0) return scaledToZero;
  if (kind === "daemonset" && status?.observedGeneration !== undefined && status.desiredNumberScheduled === 0) return "no node fits it";
  if (condition("Complete")) return "it has completed";
  const [failed, refused] = [condition("Failed"), condition("ReplicaFailure")];
  if (failed) return `it has failed (${failed.message ?? failed.reason})`;
  return refused && `its pods cannot be made (${refused.message ?? refused.reason})`;
}

/** Its pods, as messages about them speak. */
export function workloadGroup(request: FollowRequest, workload: Workload, scope: Words): PodGroup {
  const { kind, namespace, name, port, protocol = "TCP" } = request;
  const isScaledDown = workload.resting === scaledToZero;
  return {
    title: `${kind} "${namespace}/${name}"`,
    selector: workload.selector,
    publishNotReady: false,
    port,
    protocol,
    portHint: command`kubectl describe ${kind} ${name} ${scope}`,
    empty: {
      kind: workload.resting === undefined ? "coming" : "none",
      says: workload.resting ?? "its first pod has yet to be made",
      hint: isScaledDown
        ? command`kubectl scale ${kind} ${name} --replicas=1 ${scope}`
        : command`kubectl describe ${kind} ${name} ${scope}`,
    },
  };
}
