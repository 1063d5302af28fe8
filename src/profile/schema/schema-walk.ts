/** Takes valibot schemas apart, as far as the profile's schema uses them. */

import type { GenericSchema } from "valibot";

/** One schema as a tagged union of the constructs that the profile uses. */
export type SchemaNode =
  | { readonly kind: "string" | "boolean" | "number" }
  | { readonly kind: "picklist"; readonly options: readonly string[] }
  | { readonly kind: "array"; readonly item: GenericSchema }
  | { readonly kind: "record"; readonly value: GenericSchema }
  | { readonly kind: "union"; readonly options: readonly GenericSchema[] }
  | { readonly kind: "object"; readonly entries: ReadonlyMap<string, GenericSchema> };

function isObject(value: unknown): value is object {
  return typeof value === "object" && value !== null;
}

function isSchema(value: unknown): value is GenericSchema {
  return isObject(value) && "kind" in value && value.kind === "schema" && "type" in value;
}

function schemasIn(value: unknown): GenericSchema[] {
  return Array.isArray(value) ? value.filter(isSchema) : [];
}

/** True of `optional(…)`: a key that may be missing. */
export function isOptional(schema: GenericSchema): boolean {
  return schema.type === "optional";
}

/** The schema inside `optional(…)`, with its descriptions; else the schema itself. */
export function unwrap(schema: GenericSchema): GenericSchema {
  return isOptional(schema) && "wrapped" in schema && isSchema(schema.wrapped) ? schema.wrapped : schema;
}

/** Which construct a schema is. */
export function nodeOf(given: GenericSchema): SchemaNode {
  const schema = unwrap(given);
  if ("entries" in schema && isObject(schema.entries)) {
    const entries = Object.entries(schema.entries).filter((entry): entry is [string, GenericSchema] => isSchema(entry[1]));
    return { kind: "object", entries: new Map(entries) };
  }
  if (schema.type === "array" && "item" in schema && isSchema(schema.item)) return { kind: "array", item: schema.item };
  if (schema.type === "record" && "value" in schema && isSchema(schema.value)) return { kind: "record", value: schema.value };
  if (schema.type === "union" && "options" in schema) return { kind: "union", options: schemasIn(schema.options) };
  if (schema.type === "picklist" && "options" in schema && Array.isArray(schema.options)) {
    return { kind: "picklist", options: schema.options.filter((option) => typeof option === "string") };
  }
  return { kind: schema.type === "boolean" || schema.type === "number" ? schema.type : "string" };
}

/** The table among a union's options, or the schema itself when it is one. */
function tableIn(schema: GenericSchema): SchemaNode | undefined {
  const node = nodeOf(schema);
  if (node.kind !== "union") return node;
  return node.options.map(nodeOf).find((option) => option.kind === "object" || option.kind === "array");
}

/** What may stand at this path; undefined where nothing may. */
export function schemaAt(schema: GenericSchema, path: readonly string[]): GenericSchema | undefined {
  const [first, ...rest] = path;
  if (first === undefined) return schema;
  const node = tableIn(schema);
  if (node?.kind === "record") return schemaAt(node.value, rest);
  if (node?.kind === "array") return schemaAt(node.item, rest);
  const entry = node?.kind === "object" ? node.entries.get(first) : undefined;
  return entry && schemaAt(entry, rest);
}

/** The keys that a table at this path may have; empty where any key will do, or none. */
export function keysAt(schema: GenericSchema, path: readonly string[]): readonly string[] {
  const found = schemaAt(schema, path);
  const node = found && tableIn(found);
  return node?.kind === "object" ? [...node.entries.keys()] : [];
}

/** Whether what stands at this path is a list, whose items have numbers. */
export function isList(schema: GenericSchema, path: readonly string[]): boolean {
  const found = schemaAt(schema, path);
  return found !== undefined && tableIn(found)?.kind === "array";
}
