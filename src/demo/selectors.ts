/** Label and field selectors of lists and watches. */

import type { StoredObject } from "./store.ts";

export type Selects = (object: StoredObject) => boolean;
/** A selector that cannot be read is answered with this message. */
export interface BadSelector {
  readonly problem: string;
}

const setForm = /^([^\s!=,()]+)\s+(in|notin)\s+\(([^()]*)\)$/;
const equalForm = /^([^\s!=,()]+)\s*(==|=|!=)\s*([^\s!=,()]*)$/;
const existsForm = /^(!?)\s*([^\s!=,()]+)$/;

/** Cuts at the commas that are not inside parentheses. */
function requirementsOf(text: string): string[] {
  return text
    .split(/,(?![^(]*\))/)
    .map((part) => part.trim())
    .filter((part) => part !== "");
}

function labelRequirement(text: string): Selects | undefined {
  const [, setKey = "", operator, list = ""] = setForm.exec(text) ?? [];
  if (operator !== undefined) {
    const values = list.split(",").map((value) => value.trim());
    return (object) => values.includes(labelOf(object, setKey) ?? "\0") === (operator === "in");
  }
  const [, key = "", sign, value = ""] = equalForm.exec(text) ?? [];
  if (sign !== undefined) return (object) => (labelOf(object, key) === value) === (sign !== "!=");
  const [, not, name = ""] = existsForm.exec(text) ?? [];
  if (not !== undefined) return (object) => (labelOf(object, name) !== undefined) === (not === "");
  return undefined;
}

const labelOf = (object: StoredObject, key: string): string | undefined => object.metadata.labels?.[key];

/** An empty or absent selector selects everything. */
export function parseLabelSelector(text: string | null): Selects | BadSelector {
  const parts: Selects[] = [];
  for (const requirement of requirementsOf(text ?? "")) {
    const part = labelRequirement(requirement);
    if (!part) return { problem: "unable to parse requirement: found '', expected: ',' or ')'" };
    parts.push(part);
  }
  return (object) => parts.every((part) => part(object));
}

function podAddress({ status }: StoredObject): string | undefined {
  return typeof status === "object" && status !== null && "podIP" in status && typeof status.podIP === "string" ? status.podIP : undefined;
}

const fields: Readonly<Record<string, (object: StoredObject) => string | undefined>> = {
  "metadata.name": (object) => object.metadata.name,
  "metadata.namespace": (object) => object.metadata.namespace,
  "status.podIP": podAddress,
};

export function parseFieldSelector(text: string | null): Selects | BadSelector {
  const parts: Selects[] = [];
  for (const requirement of requirementsOf(text ?? "")) {
    const [, key = "", sign, value = ""] = equalForm.exec(requirement) ?? [];
    if (sign === undefined) return { problem: `invalid selector: '${requirement}'; can't understand '${requirement}'` };
    const field = fields[key];
    if (!field) return { problem: `field label not supported: ${key}` };
    parts.push((object) => (field(object) === value) === (sign !== "!="));
  }
  return (object) => parts.every((part) => part(object));
}
