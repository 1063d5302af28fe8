/** How the schemas of requests and answers become JSON Schema, for programs that read neither TypeScript nor valibot. */

import { type ConversionConfig, type OverrideSchemaContext, toJsonSchema } from "@valibot/to-json-schema";
import type * as v from "valibot";

export const jsonSchemaOptions = {
  target: "draft-2020-12",
  typeMode: "input",
  errorMode: "ignore",
  overrideSchema: asWritten,
} as const satisfies ConversionConfig;

/** Events have whatever their type has. */
function asWritten({ valibotSchema, jsonSchema }: OverrideSchemaContext) {
  return valibotSchema.type === "loose_object" ? { ...jsonSchema, additionalProperties: true } : undefined;
}

export function jsonSchemaOf(schema: v.GenericSchema): Readonly<Record<string, unknown>> {
  return { ...toJsonSchema(schema, jsonSchemaOptions) };
}
