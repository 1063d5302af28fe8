/** Names that services have within their cluster (Kubernetes DNS specification 1.1.0), taken apart. Pure. */

import { isLabel } from "./pod-source-text.ts";

/** A service, or one pod of a headless one. */
export interface ClusterName {
  readonly pod: string | undefined;
  readonly service: string;
  readonly namespace: string;
}

/**
 * Reads a normalised `[POD.]SERVICE.NAMESPACE[.svc[.CLUSTER_DOMAIN]]`; undefined for what has another shape. Without `svc` behind it a
 * name of three labels may be anything, and is none.
 */
export function readClusterName(host: string, clusterDomain: string): ClusterName | undefined {
  const full = host.endsWith(`.svc.${clusterDomain}`) ? host.slice(0, -clusterDomain.length - 1) : host;
  const isLong = full.endsWith(".svc");
  const labels = (isLong ? full.slice(0, -".svc".length) : full).split(".");
  const [namespace = "", service = "", pod, ...more] = labels.toReversed();
  if (labels.length < 2 || more.length > 0 || (pod !== undefined && !isLong)) return undefined;
  return labels.every(isLabel) ? { pod, service, namespace } : undefined;
}
