/** The OpenAPI 3.1 document of the API, made from the schemas that check requests and describe answers. */

import { toJsonSchema, toJsonSchemaDefs } from "@valibot/to-json-schema";
import type * as v from "valibot";
import {
  changesSchema,
  historySchema,
  journalEntrySchema,
  podSchema,
  problemSchema,
  profileSchema,
  requestEntrySchema,
  routeSchema,
  snapshotSchema,
  stepSchema,
} from "#control/api.ts";
import { jsonSchemaOptions } from "#control/json-schema.ts";
import type { Endpoint } from "./endpoint.ts";
import { endpoints } from "./endpoints.ts";

/** Those that have a name of their own in the document. */
const definitions = {
  Snapshot: snapshotSchema,
  Profile: profileSchema,
  Route: routeSchema,
  Problem: problemSchema,
  Request: requestEntrySchema,
  History: historySchema,
  LogEntry: journalEntrySchema,
  Pod: podSchema,
  Step: stepSchema,
  Changes: changesSchema,
};

type Json = Readonly<Record<string, unknown>>;

const refTo = ({ referenceId }: { readonly referenceId: string }): string => `#/components/schemas/${referenceId}`;

function schemaOf(schema: v.GenericSchema): Json {
  const { $schema: _, $defs: __, ...json } = toJsonSchema(schema, { ...jsonSchemaOptions, definitions, overrideRef: refTo }) as Json;
  return json;
}

const errorSchema: Json = {
  type: "object",
  required: ["error"],
  properties: {
    error: {
      type: "object",
      required: ["code", "message", "hints"],
      properties: { code: { type: "string" }, message: { type: "string" }, hints: { type: "array", items: { type: "string" } } },
    },
  },
};

export function openApi(version: string): Json {
  const paths: Record<string, Record<string, Json>> = {};
  for (const each of endpoints) paths[each.path] = { ...paths[each.path], [each.method.toLowerCase()]: operationOf(each) };
  return {
    openapi: "3.1.1",
    info: {
      title: "kt",
      version,
      description: "What the hub of kt knows and does. Programs send its token: docs/api.md says where it is.",
    },
    security: [{ token: [] }],
    paths,
    components: {
      schemas: { ...toJsonSchemaDefs(definitions, { ...jsonSchemaOptions, overrideRef: refTo }), Error: errorSchema },
      securitySchemes: { token: { type: "http", scheme: "bearer" } },
    },
  };
}

function operationOf({ method, path, summary, input, output, events }: Endpoint): Json {
  const content = {
    ...(output && { "application/json": { schema: schemaOf(output) } }),
    ...(events && { "text/event-stream": { schema: { type: "string" }, "x-data": schemaOf(events) } }),
  };
  return {
    operationId: path.slice("/api/v1/".length),
    summary,
    ...(method === "GET" ? parametersOf(input) : { requestBody: bodyOf(input) }),
    responses: {
      200: { description: "What was asked for.", content },
      default: {
        description: "Why it is not answered.",
        content: { "application/json": { schema: { $ref: "#/components/schemas/Error" } } },
      },
    },
  };
}

function parametersOf(input: Endpoint["input"]): Json {
  const { properties = {}, required = [] } = schemaOf(input) as { properties?: Record<string, Json>; required?: string[] };
  const parameters = Object.entries(properties).map(([name, schema]) => ({ name, in: "query", required: required.includes(name), schema }));
  return parameters.length === 0 ? {} : { parameters };
}

function bodyOf(input: Endpoint["input"]): Json {
  return { required: true, content: { "application/json": { schema: schemaOf(input) } } };
}
