/** An MCP server with kt's tools and resources, by the protocol's own library, which is loaded only here. */

import { McpServer, type StandardSchemaWithJSON } from "@modelcontextprotocol/server";
import type * as v from "valibot";
import { toKtError } from "#base/errors.ts";
import { printableJson } from "#base/printable.ts";
import { Semaphore } from "#base/semaphore.ts";
import { jsonSchemaOf } from "#control/json-schema.ts";
import { bounded } from "./bounded.ts";
import type { McpHost } from "./host.ts";
import { mcpLimits } from "./limits.ts";
import { addResources } from "./resources.ts";
import type { Tool, ToolEffect } from "./tool.ts";
import { instructions, tools } from "./tools.ts";

export interface ServerChoice {
  /** Only what changes nothing. */
  readonly readOnly: boolean;
}

/** Made once for a process: a server for each connection or request, which share how much runs at once. */
export type BuildServer = (choice: ServerChoice) => McpServer;

export function serversFor(host: McpHost): BuildServer {
  const atOnce = new Semaphore(mcpLimits.callsAtOnce);
  const prepared = tools.map((tool) => ({ tool, inputSchema: standard(tool.input), outputSchema: standard(tool.output) }));
  return ({ readOnly }) => {
    const server = new McpServer(
      { name: "kt", title: "kt: services of Kubernetes on this machine", version: host.version },
      { instructions, capabilities: { tools: {}, resources: {} } },
    );
    for (const { tool, inputSchema, outputSchema } of prepared) {
      if (readOnly && tool.effect !== "read") continue;
      const { name, title, description } = tool;
      const config = { title, description, inputSchema, outputSchema, annotations: annotations[tool.effect] };
      server.registerTool(name, config, (input, { mcpReq: { signal } }) => atOnce.run(signal, () => call(tool, input, host, signal)));
    }
    addResources(server, host);
    return server;
  };
}

/** `openWorldHint`: what the answers are made of comes from clusters, which are not the user's alone. */
const annotations = {
  read: { readOnlyHint: true, openWorldHint: true },
  change: { readOnlyHint: false, destructiveHint: false, idempotentHint: true, openWorldHint: true },
  end: { readOnlyHint: false, destructiveHint: true, idempotentHint: true, openWorldHint: true },
} as const satisfies Record<ToolEffect, object>;

/** An error is data as well: its words may be those of a cluster. */
async function call(tool: Tool, input: unknown, host: McpHost, signal: AbortSignal) {
  try {
    const structuredContent = bounded(await tool.run(input, { host, signal })) as Record<string, unknown>;
    return { content: [{ type: "text" as const, text: printableJson(structuredContent) }], structuredContent };
  } catch (error) {
    const { code, message, hints } = toKtError(error, "internal", tool.name);
    return { content: [{ type: "text" as const, text: printableJson(bounded({ error: { code, message, hints } })) }], isError: true };
  }
}

/** The library asks a schema for both: how values are checked, and how agents read it. */
function standard<Input, Output>(schema: v.GenericSchema<Input, Output>): StandardSchemaWithJSON<Input, Output> {
  const json = (): Record<string, unknown> => ({ ...jsonSchemaOf(schema) });
  const { version, vendor, validate } = schema["~standard"];
  return { "~standard": { version, vendor, validate, jsonSchema: { input: json, output: json } } };
}
