/** What the status of a PortBinding says, by its plan and by what the edge says of itself. Pure. */

import { cut } from "#base/cut.ts";
import { type Condition, programmed } from "#expose/conditions.ts";
import { formatName, type PortBindingObject } from "#expose/resources/read-objects.ts";
import type { EdgeBinding } from "#expose/host/edge-document.ts";
import { holdersOf } from "#remote/doctor/taken-port.ts";
import type { NodeFacts } from "./node-facts.ts";

export interface BindingState {
  readonly name: string;
  /** `Ready`: the next connection is served, by these settings. */
  readonly state: string;
  readonly message: string;
}

export interface PortBindingFindings {
  readonly conditions: readonly Condition[];
  readonly bindings: readonly BindingState[];
}

/** As many characters as the resource takes. */
const messageChars = 1024;

export function portBindingFindings(object: PortBindingObject, facts: NodeFacts | "no node" | "wrong node"): PortBindingFindings {
  const bindings = object.bindings.map(({ name }) => stateOf(`${formatName(object)}/${name}`, name, facts));
  const isProgrammed = programmedOf(object, facts);
  return { conditions: [isProgrammed, readyOf(isProgrammed, bindings)], bindings: bindings.filter(({ name }) => name !== "") };
}

function programmedOf(object: PortBindingObject, facts: NodeFacts | "no node" | "wrong node"): Condition {
  if (typeof facts === "string") return programmed(object, facts);
  const { wanted, failure } = facts;
  if (wanted !== undefined) return programmed(object, wanted.plan);
  const why = failure ?? { reason: "NotYetApplied", message: "this generation is not planned yet" };
  return { type: "Programmed", status: "False", ...why };
}

function stateOf(id: string, name: string, facts: NodeFacts | "no node" | "wrong node"): BindingState {
  const is = (state: string, message: string): BindingState => ({ name, state, message: cut(message, messageChars) });
  if (facts === "no node") return is("EdgeNodeNotFound", "");
  const wanted = facts === "wrong node" ? undefined : facts.wanted;
  if (facts === "wrong node" || wanted === undefined) return is("Pending", "its EdgeNode is not planned yet");
  const refused = wanted.plan.refused.find((each) => each.id === id);
  if (refused) return is(refused.state, refused.message);
  const binding = wanted.document?.bindings.find((each) => each.id === id);
  const { edge, silence } = facts;
  if (edge === undefined) return is("Unknown", silence || "the edge has not been asked yet");
  const said = edge.bindings.find((each) => each.id === id);
  if (binding === undefined || said === undefined) return is("Pending", "the host does not have it yet");
  if (said.state === "ListenFailed") return is(said.state, [said.message, ...holderOf(binding, facts)].join(": "));
  if (said.state !== "Listening") return is(said.state, said.message);
  if (said.hash !== binding.hash) return is("Pending", "its former settings are served until an uplink has these");
  return is("Ready", "");
}

/** In the words of the host, where it knows. */
function holderOf({ protocol, listenPort }: EdgeBinding, { takenPorts }: NodeFacts): string[] {
  const taken = takenPorts.filter((each) => each.port === listenPort && each.protocol.toUpperCase() === protocol);
  return taken.length === 0 ? [] : [`${holdersOf(taken)} has it`];
}

function readyOf(isProgrammed: Condition, bindings: readonly BindingState[]): Condition {
  const ready = (status: Condition["status"], reason: string, message: string): Condition => ({ type: "Ready", status, reason, message });
  if (isProgrammed.status !== "True") return ready("False", isProgrammed.reason, isProgrammed.message);
  const open = bindings.filter(({ state }) => state !== "Ready");
  const [first] = open;
  if (first === undefined) return ready("True", "Applied", "each binding is served");
  const message = open.map(({ name, state, message: why }) => `${name}: ${why || state}`).join("; ");
  if (first.state === "Unknown") return ready("Unknown", "EdgeNodeUnreadable", message);
  return ready("False", first.state === "Pending" ? "NotYetApplied" : first.state, message);
}
