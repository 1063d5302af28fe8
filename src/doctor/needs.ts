/** What a profile's routes must be allowed to do in the cluster, per context; pure. */

import { isGlob } from "#base/glob.ts";
import { namedRoutes } from "#profile/values/planned.ts";
import type { Permission } from "#kube/probe.ts";
import { workloadApis } from "#kube/objects/workload.ts";
import type { Plan } from "#profile/values/plan.ts";
import { hasRelay } from "#tunnel/relay/has-relay.ts";
import { carriersOf, namespaceOf, type PodSourceKind, type Target } from "#route/target.ts";

export interface Need extends Omit<Permission, "namespace"> {
  /** Undefined is the context's own. */
  readonly namespace: string | undefined;
  /** What is worse without it; undefined where nothing works without it. */
  readonly without: string | undefined;
  /** Needs of one namespace with the same word: one of them is enough for things to work. */
  readonly either?: string;
}

export type Rule = Omit<Need, "namespace">;

const core = "";
const discovery = "discovery.k8s.io";

const must = (verb: string, resource: string, group: string = core): Rule => ({ verb, resource, group, without: undefined });

const seePods: readonly Rule[] = [
  { verb: "list", resource: "pods", group: core, without: "kt cannot say why a pod is not ready", either: "pods" },
  { verb: "watch", resource: "pods", group: core, without: "kt asks again every few seconds instead" },
];

const seeService: readonly Rule[] = [
  must("get", "services"),
  { verb: "list", resource: "endpointslices", group: discovery, without: "kt finds pods by their labels instead", either: "pods" },
  { verb: "watch", resource: "endpointslices", group: discovery, without: "kt asks again every few seconds instead" },
  ...seePods,
];

/** Of a namespace as a whole. */
const seeServices: readonly Rule[] = [
  must("list", "services"),
  { verb: "watch", resource: "services", group: core, without: "kt asks again every few seconds instead" },
];

/** To find the pods behind a target of that kind. */
export function find(kind: PodSourceKind): readonly Rule[] {
  if (kind === "service") return seeService;
  if (kind === "pod") return [must("get", "pods"), ...seePods];
  const { group, resource } = workloadApis[kind];
  return [must("get", resource, group), must("list", "pods"), ...seePods.slice(1)];
}

/** SPDY is a POST, the WebSocket that stands in for it a GET; some clusters ask for both. */
const connectTo = (resource: string): readonly Rule[] => [
  must("create", resource),
  { verb: "get", resource, group: core, without: "connections fail where only WebSocket gets through to the cluster" },
];

const makePods: readonly Rule[] = ["create", "delete", "patch"].map((verb) => must(verb, "pods"));

/** Of the relay, in the namespace where it runs. */
const runRelay: readonly Rule[] = [
  ...["create", "get", "list"].map((verb) => must(verb, "jobs", "batch")),
  { verb: "watch", resource: "jobs", group: "batch", without: "kt asks again every few seconds instead" },
  { verb: "delete", resource: "jobs", group: "batch", without: "a relay that failed is made again only once the cluster has removed it" },
  must("list", "pods"),
  ...seePods.slice(1),
  ...connectTo("pods/portforward"),
];

/** Of a service that leads to this machine. */
const makeService: readonly Rule[] = [
  must("get", "services"),
  must("create", "services"),
  { verb: "delete", resource: "services", group: core, without: "the service goes only with its relay, some seconds later" },
];

const rbac = "rbac.authorization.k8s.io";

/** Of one that is there: its relay may give it back, and nothing else. */
const replaceService: readonly Rule[] = [
  must("get", "services"),
  must("patch", "services"),
  must("patch", "jobs", "batch"),
  ...["create", "get"].flatMap((verb) => [must(verb, "serviceaccounts"), must(verb, "roles", rbac), must(verb, "rolebindings", rbac)]),
];

/** Where kt is: in a pod it connects to others itself. */
export type Place = "outside" | "in a pod";

const reachPods = (place: Place): readonly Rule[] => (place === "in a pod" ? [] : connectTo("pods/portforward"));

function rulesOf(target: Target, place: Place): readonly Rule[] {
  if (target.kind === "relayed") return [];
  const seeing = find(carriersOf(target).kind);
  if (target.transport === "udp") return seeing;
  if (!target.via) return [...seeing, ...reachPods(place)];
  return [...seeing, ...connectTo("pods/exec"), ...(target.via.create === undefined ? [] : makePods)];
}

function usesRelay({ relay }: Plan, target: Target): boolean {
  return hasRelay(relay) && (relay.mode === "always" || target.kind === "relayed" || target.transport === "udp");
}

/** By context, where undefined is the kubeconfig's current one. A profile without routes needs what dynamic names do. */
export function needsOf(plan: Plan, place: Place = "outside"): ReadonlyMap<string | undefined, readonly Need[]> {
  const needs = new Map<string | undefined, Map<string, Need>>();
  const add = (context: string | undefined, namespace: string | undefined, rules: readonly Rule[]): void => {
    const ofContext = needs.get(context) ?? new Map<string, Need>();
    needs.set(context, ofContext);
    for (const rule of rules) {
      const key = [namespace, rule.group, rule.resource, rule.verb].join(" ");
      const known = ofContext.get(key);
      if (known === undefined || rule.without === undefined) ofContext.set(key, { ...rule, namespace });
    }
  };
  for (const { target } of namedRoutes(plan)) {
    add(target.cluster.context, namespaceOf(target), rulesOf(target, place));
    if (place === "outside" && usesRelay(plan, target)) add(target.cluster.context, plan.relay.namespace, runRelay);
  }
  for (const { context, namespace, replace } of hasRelay(plan.relay) ? plan.reverses : [])
    add(context, namespace, [...runRelay, ...(replace ? replaceService : makeService)]);
  for (const { context, namespaces = [undefined] } of plan.forwards) {
    // What a glob stands for is only known in the cluster.
    const named = namespaces.filter((namespace) => namespace === undefined || !isGlob(namespace));
    for (const namespace of named) add(context, namespace, [...seeServices, ...seeService, ...reachPods(place)]);
  }
  if (needs.size === 0) add(plan.context, plan.namespace, [...seeService, ...reachPods(place)]);
  return new Map([...needs].map(([context, byKey]) => [context, [...byKey.values()]]));
}
