/** The JSON Schema of tunnels.toml, for editors: the profile's own schema, written in theirs. */

import { type GenericSchema, getDescription, getExamples, getTitle } from "valibot";
import { profileSchema } from "./schema.ts";
import { isOptional, nodeOf, unwrap } from "./schema-walk.ts";

interface JsonSchema {
  readonly [keyword: string]: unknown;
}

/** What the steps after the type say about a number. */
function numberLimits(schema: GenericSchema): JsonSchema {
  const steps: readonly unknown[] = "pipe" in schema && Array.isArray(schema.pipe) ? schema.pipe : [];
  const limits: Record<string, unknown> = { type: "number" };
  for (const step of steps) {
    if (typeof step !== "object" || step === null || !("type" in step)) continue;
    if (step.type === "integer") limits["type"] = "integer";
    if (step.type === "min_value" && "requirement" in step) limits["minimum"] = step.requirement;
    if (step.type === "max_value" && "requirement" in step) limits["maximum"] = step.requirement;
  }
  return limits;
}

function shapeOf(schema: GenericSchema): JsonSchema {
  const node = nodeOf(schema);
  switch (node.kind) {
    case "picklist":
      return { enum: node.options };
    case "array":
      return { type: "array", items: convert(node.item) };
    case "record":
      return { type: "object", additionalProperties: convert(node.value) };
    case "union":
      return { anyOf: node.options.map(convert) };
    case "object": {
      const required = [...node.entries].filter(([, entry]) => !isOptional(entry)).map(([key]) => key);
      const properties = Object.fromEntries([...node.entries].map(([key, entry]) => [key, convert(entry)]));
      return { type: "object", properties, additionalProperties: false, ...(required.length > 0 ? { required } : {}) };
    }
    case "number":
      return numberLimits(schema);
    default:
      return { type: node.kind };
  }
}

function convert(given: GenericSchema): JsonSchema {
  const schema = unwrap(given);
  const [title, description, examples] = [getTitle(schema), getDescription(schema), getExamples(schema)];
  return {
    ...(title === undefined ? {} : { title }),
    ...(description === undefined ? {} : { description }),
    ...shapeOf(schema),
    ...(examples.length === 0 ? {} : { examples }),
  };
}

/** JSON Schema (draft-07, which TOML editors read) of the profile. */
export function jsonSchema(): object {
  return { $schema: "http://json-schema.org/draft-07/schema#", ...convert(profileSchema) };
}
