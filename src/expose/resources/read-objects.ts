/** Objects as the cluster or a file has them, each binding by itself: what is wrong with one says nothing about another. Pure. */

import { isRecord, type Problem, quoted } from "#expose/schema/problem.ts";
import { type EdgeNodeSpec, edgeNodeSpec } from "./edge-node.ts";
import { type BindingDefinition, bindingDefinition, mostBindings } from "./port-binding.ts";
import { exposeGroup } from "./crds.ts";
import { nodeRef } from "./shared.ts";

export interface ObjectName {
  readonly namespace: string;
  readonly name: string;
}

interface ReadObject extends ObjectName {
  /** As Kubernetes writes times; undefined in a file. */
  readonly createdAt: string | undefined;
}

export interface EdgeNodeObject extends ReadObject {
  /** Undefined where there are problems. */
  readonly spec: EdgeNodeSpec | undefined;
  readonly problems: readonly Problem[];
}

export interface ReadBinding {
  /** "" where it has none. */
  readonly name: string;
  /** Undefined where there are problems. */
  readonly definition: BindingDefinition | undefined;
  readonly problems: readonly Problem[];
}

export interface PortBindingObject extends ReadObject {
  /** Undefined where the reference is wrong. */
  readonly node: ObjectName | undefined;
  readonly bindings: readonly ReadBinding[];
  /** Of all but the bindings. */
  readonly problems: readonly Problem[];
}

export interface ExposeObjects {
  readonly nodes: readonly EdgeNodeObject[];
  readonly portBindings: readonly PortBindingObject[];
}

/** Those among the objects that are of the two kinds, whichever version; `namespace` is that of objects which name none. */
export function readObjects(raws: readonly unknown[], namespace: string): ExposeObjects {
  const ours = raws.filter(isRecord).filter(({ apiVersion }) => String(apiVersion).startsWith(`${exposeGroup}/`));
  const of = (kind: string): typeof ours => ours.filter((raw) => raw["kind"] === kind);
  return {
    nodes: latest(of("EdgeNode").map((raw) => readEdgeNode(raw, namespace))),
    portBindings: latest(of("PortBinding").map((raw) => readPortBinding(raw, namespace))),
  };
}

/** Of several with one name the last counts, as it does for kubectl apply. */
function latest<Item extends ObjectName>(objects: readonly Item[]): Item[] {
  return [...new Map(objects.map((object) => [formatName(object), object])).values()];
}

type Raw = Readonly<Record<string, unknown>>;

function readEdgeNode(raw: Raw, namespace: string): EdgeNodeObject {
  const problems: Problem[] = [];
  const spec = edgeNodeSpec.read(raw["spec"], "spec", problems);
  return { ...headOf(raw, namespace, problems), spec: problems.length > 0 ? undefined : spec, problems };
}

function readPortBinding(raw: Raw, namespace: string): PortBindingObject {
  const problems: Problem[] = [];
  const head = headOf(raw, namespace, problems);
  const spec = isRecord(raw["spec"]) ? raw["spec"] : {};
  const before = problems.length;
  const reference = nodeRef.read(spec["edgeNodeRef"] ?? {}, "spec.edgeNodeRef", problems);
  const node = problems.length > before ? undefined : { namespace: given(reference.namespace) ?? head.namespace, name: reference.name };
  const list: unknown = spec["bindings"] ?? [];
  if (!Array.isArray(list)) problems.push({ place: "spec.bindings", text: `${quoted(list)} is not a list` });
  const bindings: readonly unknown[] = Array.isArray(list) ? list : [];
  if (bindings.length > mostBindings) problems.push({ place: "spec.bindings", text: `has more than ${mostBindings} items` });
  const names = bindings.map((each) => (isRecord(each) && typeof each["name"] === "string" ? each["name"] : ""));
  return { ...head, node, bindings: bindings.map((each, index) => readBinding(each, index, names)), problems };
}

function readBinding(raw: unknown, index: number, names: readonly string[]): ReadBinding {
  const problems: Problem[] = [];
  const name = names[index] ?? "";
  const place = `spec.bindings[${index}]`;
  const definition = bindingDefinition.read(raw, place, problems);
  if (names.indexOf(name) < index) problems.push({ place, text: `is there twice: name ${quoted(name)}` });
  return { name, definition: problems.length > 0 ? undefined : definition, problems };
}

function headOf(raw: Raw, namespace: string, problems: Problem[]): ReadObject {
  const metadata = isRecord(raw["metadata"]) ? raw["metadata"] : {};
  const textOf = (field: string): string | undefined => (typeof metadata[field] === "string" ? given(metadata[field]) : undefined);
  const name = textOf("name");
  if (name === undefined) problems.push({ place: "metadata.name", text: "is missing" });
  return { namespace: textOf("namespace") ?? namespace, name: name ?? "", createdAt: textOf("creationTimestamp") };
}

const given = (text: string | undefined): string | undefined => (text === "" ? undefined : text);

export function formatName({ namespace, name }: ObjectName): string {
  return `${namespace}/${name}`;
}
