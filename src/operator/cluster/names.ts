/** Names, labels and annotations of what the operator makes: as achetronic/tunnel has them where its users may go by them. Pure. */

import type { ObjectName } from "#expose/resources/read-objects.ts";
import { exposeGroup } from "#expose/resources/crds.ts";

export const finalizer = `${exposeGroup}/finalizer`;

/** Of the Lease by which one of several operators leads. */
export const leaseName = "6f1468a9.achetronic.com";

export const labels = {
  /** Of several EdgeNodes of one name, whose an object in the uplinks' namespace is. */
  ownerNamespace: `${exposeGroup}/owner-namespace`,
  ownerName: `${exposeGroup}/edge-node`,
} as const;

export const annotations = {
  restartEdge: `${exposeGroup}/restart-envoy`,
  skipDeprovision: `${exposeGroup}/skip-deprovision`,
  /** Of a pod: what of its template makes it another pod. */
  podHash: `${exposeGroup}/pod-hash`,
  /** Of a pod: which document it should have; a changed pod has the kubelet look at its volumes at once. */
  document: `${exposeGroup}/document`,
} as const;

/** Of the StatefulSet, its Service and its ConfigMap. */
export function uplinkName({ name }: ObjectName): string {
  return `${name}-uplink`;
}

export function keysName({ name }: ObjectName): string {
  return `${name}-uplink-keys`;
}

export function selectorOf({ namespace, name }: ObjectName): Record<string, string> {
  return { [labels.ownerNamespace]: namespace, [labels.ownerName]: name };
}

export function labelsOf(node: ObjectName): Record<string, string> {
  return { "app.kubernetes.io/name": "kt-uplink", "app.kubernetes.io/managed-by": "kt-operator", ...selectorOf(node) };
}

/** Of its pods; undefined for a name that is none of theirs. */
export function ordinalOf(node: ObjectName, pod: string): number | undefined {
  const prefix = `${uplinkName(node)}-`;
  const digits = pod.startsWith(prefix) ? pod.slice(prefix.length) : "";
  return /^\d{1,9}$/.test(digits) ? Number(digits) : undefined;
}
