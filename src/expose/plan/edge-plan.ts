/** What would be on a host, for each binding of the PortBindings that name its EdgeNode; the same for the same objects in any order. Pure. */

import type { EdgeNodeObject, ObjectName, PortBindingObject, ReadBinding } from "#expose/resources/read-objects.ts";
import { problemText } from "#expose/schema/problem.ts";
import { type Lookups, type Refusal, secretRefusal, targetOf, type TargetSettings } from "./lookups.ts";
import { PortClaims } from "./port-claims.ts";
import { hashOf, type NodeSettings, nodeSettings, protocolSettings, type TcpSettings, type UdpSettings } from "./settings.ts";

/** A binding of the plan or one that is left out. */
interface Identified {
  /** `namespace/portbinding/name`: no other binding has it, and an edit does not change it. */
  readonly id: string;
  readonly object: ObjectName;
  readonly name: string;
}

export interface PlannedBinding extends Identified {
  readonly listenPort: number;
  readonly settings: TcpSettings | UdpSettings;
  readonly target: TargetSettings;
  /** Of all that an edit may change. */
  readonly hash: string;
}

export interface RefusedBinding extends Identified, Refusal {
  /** Undefined where not even those can be read. */
  readonly listenPort: number | undefined;
  readonly protocol: string | undefined;
}

export interface EdgePlan {
  readonly node: ObjectName;
  readonly settings: NodeSettings;
  /** By port, then protocol, then id. */
  readonly bindings: readonly PlannedBinding[];
  /** By id. */
  readonly refused: readonly RefusedBinding[];
  /** Of the settings and of all bindings that are on the host. */
  readonly hash: string;
}

/** Undefined where the EdgeNode itself is wrong: its problems say how. */
export function edgePlan(node: EdgeNodeObject, portBindings: readonly PortBindingObject[], lookups: Lookups): EdgePlan | undefined {
  if (node.spec === undefined) return undefined;
  const settings = nodeSettings(node.spec);
  const claims = new PortClaims(settings);
  const bindings: PlannedBinding[] = [];
  const refused: RefusedBinding[] = [];
  for (const object of [...portBindings].filter((each) => isOf(each, node)).sort(byAge)) {
    for (const binding of object.bindings) {
      const made = planned(object, binding, claims, lookups);
      if ("state" in made) refused.push(made);
      else bindings.push(made);
    }
  }
  bindings.sort(
    (left, right) =>
      left.listenPort - right.listenPort || compare(left.settings.protocol, right.settings.protocol) || compare(left.id, right.id),
  );
  refused.sort((left, right) => compare(left.id, right.id) || compare(left.message, right.message));
  const hash = hashOf({ settings, bindings: bindings.map(({ id, hash: own }) => [id, own]) });
  return { node: { namespace: node.namespace, name: node.name }, settings, bindings, refused, hash };
}

function isOf({ node }: PortBindingObject, { namespace, name }: EdgeNodeObject): boolean {
  return node?.namespace === namespace && node.name === name;
}

/** The older keeps what both want. What comes from a file has no age, and would be the newest. */
export function byAge(left: PortBindingObject, right: PortBindingObject): number {
  const age = compare(left.createdAt ?? "~", right.createdAt ?? "~");
  return age || compare(left.namespace, right.namespace) || compare(left.name, right.name);
}

function compare(left: string, right: string): number {
  return left < right ? -1 : left > right ? 1 : 0;
}

function planned(object: PortBindingObject, binding: ReadBinding, claims: PortClaims, lookups: Lookups): PlannedBinding | RefusedBinding {
  const { namespace, name } = object;
  const identified = { id: `${namespace}/${name}/${binding.name}`, object: { namespace, name }, name: binding.name };
  const { definition } = binding;
  const refused = ({ state, message }: Refusal): RefusedBinding => {
    return { ...identified, state, message, listenPort: definition?.listenPort, protocol: definition?.protocol };
  };
  if (definition === undefined) return refused({ state: "Invalid", message: binding.problems.map(problemText).join("; ") });
  // By what the objects say alone: a Service that comes and goes must not move a port to another binding and back.
  const conflict = claims.claim({ object, definition });
  if (conflict) return refused(conflict);
  const settings = protocolSettings(definition, namespace);
  const target = targetOf(definition, lookups);
  if ("state" in target) return refused(target);
  const lacking = settings.protocol === "TCP" ? secretRefusal(settings.tls, lookups) : undefined;
  if (lacking) return refused(lacking);
  const { listenPort } = definition;
  return { ...identified, listenPort, settings, target, hash: hashOf({ listenPort, settings, target }) };
}
