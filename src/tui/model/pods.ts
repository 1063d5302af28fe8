/** The pods of the route that is looked into. Pure. */

import type { PodStatus } from "#control/api.ts";

/** As they were read last, or why they cannot be; undefined until then. */
export type KnownPods = { readonly pods: readonly PodStatus[] } | { readonly problem: string } | undefined;

export interface Container {
  readonly pod: string;
  readonly container: string;
}

/** Every container of every pod, in their order. */
export function containersOf(pods: KnownPods): readonly Container[] {
  if (pods === undefined || "problem" in pods) return [];
  return pods.pods.flatMap(({ name, containers }) => containers.map((container) => ({ pod: name, container })));
}

/** What a user most likely wants to read: of the pod that is in trouble, else of the one that answers, its first container. */
export function likeliest(pods: KnownPods, answering: string | undefined): Container | undefined {
  const all = containersOf(pods);
  const stuck = pods !== undefined && "pods" in pods ? pods.pods.find(({ state }) => state === "stuck")?.name : undefined;
  return all.find(({ pod }) => pod === stuck) ?? all.find(({ pod }) => pod === answering) ?? all[0];
}

/** The container after this one, in the same pod or, with `byPod`, the first one of the next. */
export function containerAfter(pods: KnownPods, { pod, container }: Container, byPod: boolean): Container | undefined {
  const all = containersOf(pods);
  const group = byPod
    ? all.filter((each, at) => all.findIndex((other) => other.pod === each.pod) === at)
    : all.filter((each) => each.pod === pod);
  const at = group.findIndex((each) => each.pod === pod && (byPod || each.container === container));
  return group[(at + 1) % Math.max(1, group.length)];
}
