/** A target of a service, for tests that are not about how targets are written. */

import type { PodTarget, PortRef } from "#route/target.ts";

/** Of profile "p", in the usual context. */
export function serviceTarget(name: string, port: PortRef = 80, namespace = "shop"): PodTarget {
  return { kind: "service", cluster: { profile: "p", context: undefined }, namespace, name, port };
}
