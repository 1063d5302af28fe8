/** The page `/mcp`: MCP over HTTP. Its library is loaded at the first request. */

import type { ServerAnswer, ServerRequest } from "#http/server.ts";
import type { McpOverHttp } from "#mcp/http.ts";
import type { HubFacts } from "#web/facts/hub-facts.ts";
import { guardedHeaders, refusalAnswer } from "#web/guard/answers.ts";
import { webLimits } from "#web/limits.ts";
import { HubHost } from "./hub-host.ts";

export const mcpPath = "/mcp";

export class McpPage {
  readonly #facts: HubFacts;
  #loading: Promise<McpOverHttp> | undefined;

  constructor(facts: HubFacts) {
    this.#facts = facts;
  }

  /** `?read-only` leaves out the tools that change something. */
  async answer({ head, query, body }: ServerRequest): Promise<ServerAnswer> {
    if (body.length > webLimits.requestBodyBytes) {
      const message = `the body is longer than ${webLimits.requestBodyBytes / 1024} KiB`;
      return refusalAnswer({ status: 413, code: "request-too-large", message }, "application/json");
    }
    this.#loading ??= import("#mcp/http.ts").then(({ mcpOverHttp }) => mcpOverHttp(new HubHost(this.#facts)));
    const mcp = await this.#loading;
    const hasBody = head.method !== "GET" && head.method !== "HEAD";
    const request = new Request(`http://${head.host}${mcpPath}`, {
      method: head.method,
      headers: head.headers.map(([name, value]): [string, string] => [name, value]),
      ...(hasBody ? { body: body.slice() } : {}),
    });
    return await answerOf(await mcp.fetch(request, { readOnly: query.has("read-only") }));
  }
}

async function answerOf(response: Response): Promise<ServerAnswer> {
  const headers = [...response.headers, ...guardedHeaders];
  const { status } = response;
  if (response.headers.get("content-type")?.startsWith("text/event-stream") !== true || response.body === null) {
    return { kind: "whole", status, headers, body: new Uint8Array(await response.arrayBuffer()) };
  }
  return eventAnswer(status, headers, response.body);
}

/** At the pace of the client: the next piece is read once the last one was taken. */
function eventAnswer(status: number, headers: readonly (readonly [string, string])[], body: ReadableStream<Uint8Array>): ServerAnswer {
  return {
    kind: "stream",
    status,
    headers,
    begin(stream) {
      const reader = body.getReader();
      const pump = async (): Promise<void> => {
        for (;;) {
          const { done, value } = await reader.read();
          if (done) return stream.end();
          if (!stream.write(value)) await new Promise<void>((resolve) => (stream.onDrain = resolve));
        }
      };
      pump().catch(() => stream.abort());
      return () => void reader.cancel().catch(() => {});
    },
  };
}
