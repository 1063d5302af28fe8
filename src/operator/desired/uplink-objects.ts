/** What an EdgeNode has in its uplinks' namespace besides the keys: a ConfigMap, a Service and a StatefulSet. Pure. */

import type { UplinkDocument } from "#expose/host/uplink-document.ts";
import type { EdgeNodeSpec } from "#expose/resources/edge-node.ts";
import type { ObjectName } from "#expose/resources/read-objects.ts";
import type { Manifest } from "#operator/cluster/cluster-objects.ts";
import { type KubeKind, kubeKinds } from "#operator/cluster/kinds.ts";
import { labelsOf, selectorOf, uplinkName } from "#operator/cluster/names.ts";
import type { PodTemplate } from "./uplink-pod.ts";

export interface WantedObject {
  readonly kind: KubeKind;
  readonly manifest: Manifest;
}

export function uplinkConfigMap(node: ObjectName, { uplink }: EdgeNodeSpec, document: UplinkDocument): WantedObject {
  return { kind: kubeKinds.configMap, manifest: { ...head(node, uplink.namespace), data: { "uplink.json": JSON.stringify(document) } } };
}

/** Each pod has a name of its own by it; the metrics of the edge are asked for at any of them. */
export function uplinkService(node: ObjectName, { uplink }: EdgeNodeSpec): WantedObject {
  const ports = [{ name: "metrics", port: 40_600, targetPort: "metrics", protocol: "TCP" }];
  const spec = { clusterIP: "None", publishNotReadyAddresses: true, selector: selectorOf(node), ports };
  return { kind: kubeKinds.service, manifest: { ...head(node, uplink.namespace), spec } };
}

/** Pods are replaced by the operator, one after the other and only those that must be: a changed label is written into those that run. */
export function uplinkStatefulSet(node: ObjectName, { uplink }: EdgeNodeSpec, template: PodTemplate): WantedObject {
  const spec = {
    replicas: uplink.replicas,
    serviceName: uplinkName(node),
    podManagementPolicy: "Parallel",
    updateStrategy: { type: "OnDelete" },
    revisionHistoryLimit: 2,
    selector: { matchLabels: selectorOf(node) },
    template,
  };
  return { kind: kubeKinds.statefulSet, manifest: { ...head(node, uplink.namespace), spec } };
}

function head(node: ObjectName, namespace: string): Pick<Manifest, "metadata"> {
  return { metadata: { name: uplinkName(node), namespace, labels: labelsOf(node) } };
}
