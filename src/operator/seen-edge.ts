/** The objects that plans are made of, and the plans: of the text of files, or of a cluster. */

import { messageOf, KtError } from "#base/errors.ts";
import { nodeProblem, programmed, type Condition } from "#expose/conditions.ts";
import { type EdgePlan, edgePlan } from "#expose/plan/edge-plan.ts";
import { type Lookups, noLookups } from "#expose/plan/lookups.ts";
import {
  type EdgeNodeObject,
  type ExposeObjects,
  formatName,
  type PortBindingObject,
  readObjects,
} from "#expose/resources/read-objects.ts";
import { isRecord } from "#expose/schema/problem.ts";
import { parseDocuments } from "#kube/config/yaml.ts";

export interface SeenEdge {
  readonly objects: ExposeObjects;
  readonly lookups: Lookups;
}

export interface ManifestText {
  /** For errors. */
  readonly name: string;
  readonly text: string;
}

/** Throws KtError `usage` for what is not YAML. Objects of other kinds are passed over. */
export function edgeOfTexts(texts: readonly ManifestText[], namespace: string): SeenEdge {
  return { objects: readObjects(texts.flatMap(documentsOf).flatMap(itemsOf), namespace), lookups: noLookups };
}

function documentsOf({ name, text }: ManifestText): unknown[] {
  try {
    return parseDocuments(text);
  } catch (error) {
    throw new KtError("usage", `"${name}" is not YAML: ${messageOf(error)}`);
  }
}

/** Those of a List, as kubectl get prints them. */
function itemsOf(document: unknown): unknown[] {
  if (!isRecord(document) || document["kind"] !== "List") return [document];
  return Array.isArray(document["items"]) ? document["items"] : [];
}

export interface PlannedNode {
  readonly node: EdgeNodeObject;
  /** Undefined where the node is wrong. */
  readonly plan: EdgePlan | undefined;
  readonly problem: Condition | undefined;
}

export interface PlannedEdge {
  /** By name. */
  readonly nodes: readonly PlannedNode[];
  /** By name, each with what its status would say. */
  readonly portBindings: readonly { readonly object: PortBindingObject; readonly condition: Condition }[];
}

export function plannedEdge({ objects, lookups }: SeenEdge): PlannedEdge {
  const nodes = byName(objects.nodes).map((node) => {
    return { node, plan: edgePlan(node, objects.portBindings, lookups), problem: nodeProblem(node) };
  });
  const plans = new Map(nodes.map(({ node, plan }) => [formatName(node), plan ?? "wrong node"] as const));
  const portBindings = byName(objects.portBindings).map((object) => {
    return { object, condition: programmed(object, plans.get(object.node ? formatName(object.node) : "") ?? "no node") };
  });
  return { nodes, portBindings };
}

function byName<Item extends EdgeNodeObject | PortBindingObject>(objects: readonly Item[]): Item[] {
  return [...objects].sort((left, right) => (formatName(left) < formatName(right) ? -1 : 1));
}
