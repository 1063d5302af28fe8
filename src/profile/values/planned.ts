/** What a plan has, across its sections. */

import { namespaceOf, type Target } from "#route/target.ts";
import type { Plan, PlannedPort } from "./plan.ts";

/** Ports that lead to one target each, in the order of the profile. */
export function portsOf({ listeners }: Pick<Plan, "listeners">): PlannedPort[] {
  return listeners.filter((listener) => listener.kind === "port");
}

/** A route that names its target, as against patterns and dynamic names. */
export interface NamedRoute {
  /** The door that it is reached by. */
  readonly door: string;
  readonly name: string;
  readonly target: Target;
}

/** Hostnames first. */
export function namedRoutes(plan: Pick<Plan, "routes" | "listeners">): NamedRoute[] {
  return [...plan.routes.map(({ name, target }) => ({ door: "http", name, target })), ...portsOf(plan)];
}

/** A namespace in a cluster, each as the profile names it: undefined is the kubeconfig's own choice. */
export interface SpokenPlace {
  readonly context: string | undefined;
  /** A name, or a pattern of names. */
  readonly namespace: string | undefined;
}

/** Where the profile has something: first what its [[forward]]s have, then its own, and that of its routes. */
export function spokenPlaces(plan: Pick<Plan, "forwards" | "context" | "namespace" | "routes" | "listeners" | "patterns">): SpokenPlace[] {
  // What a pattern only knows with a name.
  const isOpen = (text: string | undefined): boolean => text?.includes("{") === true;
  return [
    ...plan.forwards.flatMap(({ context, namespaces }) => (namespaces ?? [undefined]).map((namespace) => ({ context, namespace }))),
    { context: plan.context, namespace: plan.namespace },
    ...namedRoutes(plan).map(({ target }) => ({ context: target.cluster.context, namespace: namespaceOf(target) })),
    ...plan.patterns.map(({ target: { context, namespace } }) => ({ context, namespace })),
  ].filter(({ context, namespace }) => !isOpen(context) && !isOpen(namespace));
}

/** `2 routes, 0 patterns and 1 TCP route`; those of UDP and those the other way where there are any. */
function routeCounts(plan: Pick<Plan, "routes" | "patterns" | "listeners" | "reverses">): string {
  const { length: udp } = portsOf(plan).filter(({ door }) => door === "udp");
  const tcp = portsOf(plan).length - udp;
  const count = (many: number, word: string): string => `${many} ${word}${many === 1 ? "" : "s"}`;
  const counts = [count(plan.routes.length, "route"), count(plan.patterns.length, "pattern"), count(tcp, "TCP route")];
  if (udp > 0) counts.push(count(udp, "UDP route"));
  if (plan.reverses.length > 0) counts.push(count(plan.reverses.length, "reverse route"));
  return `${counts.slice(0, -1).join(", ")} and ${counts.at(-1)}`;
}

/** The same, and the namespaces whose services are forwarded. */
export function planSummary(plan: Plan): string {
  const { forwards } = plan;
  const forwarded = forwards.length === 0 ? "" : `; services of ${forwards.flatMap(forwardText).join(", ")}`;
  return `${routeCounts(plan)}${forwarded}`;
}

function forwardText({ namespaces = ["the context's namespace"], context }: Plan["forwards"][number]): string[] {
  return namespaces.map((namespace) => (context === undefined ? namespace : `${namespace} in ${context}`));
}

/** The plan without the routes that name other targets. */
export function withTargets(plan: Plan, isKept: (target: Target) => boolean): Plan {
  return {
    ...plan,
    routes: plan.routes.filter(({ target }) => isKept(target)),
    listeners: plan.listeners.filter((listener) => listener.kind !== "port" || isKept(listener.target)),
  };
}
