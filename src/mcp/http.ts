/** MCP over HTTP (streamable HTTP): each request is answered by a server of its own. What may ask is for others to check. */

import { createMcpHandler } from "@modelcontextprotocol/server";
import type { McpHost } from "./host.ts";
import { mcpLimits } from "./limits.ts";
import { serversFor } from "./server.ts";

export interface McpOverHttp {
  fetch(request: Request, choice: { readonly readOnly: boolean }): Promise<Response>;
}

export function mcpOverHttp(host: McpHost): McpOverHttp {
  const build = serversFor(host);
  const options = { maxRequestBodySize: mcpLimits.messageBytes, maxSubscriptions: mcpLimits.subscriptions } as const;
  const whole = createMcpHandler(() => build({ readOnly: false }), options);
  const reading = createMcpHandler(() => build({ readOnly: true }), options);
  return { fetch: (request, { readOnly }) => (readOnly ? reading : whole).fetch(request) };
}
