/** Targets of tests that are not about how targets are written. */

import { carriersOf, type PodTarget, type PortRef, type Target } from "#route/target.ts";

/** Of profile "p", in the usual context. */
export function serviceTarget(name: string, port: PortRef = 80, namespace = "shop"): PodTarget {
  return { kind: "service", cluster: { profile: "p", context: undefined }, namespace, name, port };
}

/** What is dialled, by its name. */
export function nameOf(target: Target): string {
  return target.kind === "relayed" ? target.host : carriersOf(target).name;
}
