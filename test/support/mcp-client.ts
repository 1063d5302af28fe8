/** The client of MCP's own library, as agents have one: over HTTP to a hub, or over the standard input of a command. */

import { deepEquals } from "bun";
import { Client, StreamableHTTPClientTransport, type Transport } from "@modelcontextprotocol/client";
import { StdioClientTransport } from "@modelcontextprotocol/client/stdio";

export interface Called {
  // biome-ignore lint/suspicious/noExplicitAny: the client has held it against the tool's own schema.
  readonly data: any;
  /** Undefined where it went well. */
  readonly error: { readonly code: string; readonly message: string; readonly hints: readonly string[] } | undefined;
}

/** `legacy` is the protocol as it was until 2025, which agents of today still speak. */
export type Era = "legacy" | "modern";

export class McpClient {
  readonly client: Client;
  readonly #errors: string[] = [];

  private constructor(client: Client) {
    this.client = client;
    client.onerror = (error) => this.#errors.push(error.message);
  }

  /** `at`: where the hub's front door is. */
  static async overHttp(at: { readonly port: number; readonly token: string }, path = "/mcp", era: Era = "modern"): Promise<McpClient> {
    const own = (_: string | URL, init?: RequestInit): Promise<Response> => {
      const headers = new Headers(init?.headers);
      headers.set("Host", `kt.localhost:${at.port}`);
      headers.set("Authorization", `Bearer ${at.token}`);
      return fetch(`http://127.0.0.1:${at.port}${path}`, { ...init, headers });
    };
    return await McpClient.#connect(
      new StreamableHTTPClientTransport(new URL(`http://kt.localhost:${at.port}${path}`), { fetch: own }),
      era,
    );
  }

  static async overStdio(
    command: readonly string[],
    { env, cwd }: { readonly env: Record<string, string>; readonly cwd: string },
    era: Era = "modern",
  ): Promise<McpClient> {
    const [program = "", ...args] = command;
    return await McpClient.#connect(new StdioClientTransport({ command: program, args, env, cwd, stderr: "ignore" }), era);
  }

  static async #connect(transport: Transport, era: Era): Promise<McpClient> {
    const mode = era === "legacy" ? "legacy" : "auto";
    const connected = new McpClient(new Client({ name: "test", version: "1" }, { versionNegotiation: { mode } }));
    await connected.client.connect(transport);
    return connected;
  }

  /** What was not the protocol. */
  get errors(): readonly string[] {
    return this.#errors;
  }

  async toolNames(): Promise<string[]> {
    return (await this.client.listTools()).tools.map(({ name }) => name).sort();
  }

  /** Rejects for what is not of the tool's schema. */
  async call(name: string, input: Readonly<Record<string, unknown>> = {}): Promise<Called> {
    const { structuredContent, content, isError } = await this.client.callTool({ name, arguments: input });
    const [first] = content;
    const text = first?.type === "text" ? first.text : "";
    if (isError === true)
      return { data: undefined, error: text.startsWith("{") ? JSON.parse(text).error : { code: "", message: text, hints: [] } };
    if (text !== "" && !deepEquals(JSON.parse(text), structuredContent)) throw new Error(`${name}: the text is not what is structured`);
    return { data: structuredContent, error: undefined };
  }

  /** Calls it and expects that it went well. */
  // biome-ignore lint/suspicious/noExplicitAny: see `Called`.
  async get(name: string, input: Readonly<Record<string, unknown>> = {}): Promise<any> {
    const { data, error } = await this.call(name, input);
    if (error) throw new Error(`${name}: ${error.code}: ${error.message}`);
    return data;
  }

  async close(): Promise<void> {
    await this.client.close();
  }
}
