/** MCP over standard input and output, until either of them ends. */

import type { Readable, Writable } from "node:stream";
import { serveStdio, StdioServerTransport } from "@modelcontextprotocol/server/stdio";
import type { McpHost } from "./host.ts";
import { mcpLimits } from "./limits.ts";
import { type ServerChoice, serversFor } from "./server.ts";

export interface Streams {
  readonly input: Readable;
  readonly output: Writable;
}

/** Resolves when the agent has gone. Nothing but the protocol is written to `output`. */
export async function serveStreams(host: McpHost, choice: ServerChoice, { input, output }: Streams): Promise<void> {
  const gone = Promise.withResolvers<void>();
  for (const event of ["end", "close", "error"]) input.once(event, () => gone.resolve());
  for (const event of ["close", "error"]) output.once(event, () => gone.resolve());
  const build = serversFor(host);
  const transport = new StdioServerTransport(input, output, { maxBufferSize: mcpLimits.messageBytes });
  const served = serveStdio(() => build(choice), { transport });
  await gone.promise;
  await served.close();
}
