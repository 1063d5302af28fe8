/** docs/mcp.md: every tool that agents have, by its definition. */

import * as v from "valibot";
import { mcpLimits } from "#mcp/limits.ts";
import { profileTemplate, schemaUri } from "#mcp/resources.ts";
import { tools } from "#mcp/tools.ts";
import type { Tool } from "#mcp/tool.ts";
import { code, fence, madeFrom, page, table } from "./markdown.ts";

const intro = `\`kt mcp\` gives an agent kt's tools, by the [Model Context Protocol](https://modelcontextprotocol.io): it finds out what is reachable and how, why something
fails, what a pod wrote, and forwards what it needs. Both the protocol of 2026 and that of 2025 are spoken.`;

const start = `The agent starts \`kt mcp\` in the folder of the project, and asks it over standard input. Most agents read such a block of JSON from a file of theirs:`;

const config = `{
  "mcpServers": {
    "kt": { "command": "kt", "args": ["mcp"] }
  }
}`;

const ends = `\`"args": ["mcp", "--read-only"]\` leaves out every tool that changes something. What the agent attaches and forwards is there for everybody as long as the agent is, and ends
with it; a hub that was killed meanwhile is started again with it at the next call. Tools that only read start no hub: where none runs, they say so.`;

const http = `The hub answers the same over HTTP at \`http://kt.localhost:8989/mcp\`, with [its token](metrics.md#who-may-read-them), and at \`/mcp?read-only\` with the tools that only
read. A page of another site gets 403, a request without the token 401, a message over ${mcpLimits.messageBytes / 1024} KiB 413. Each start of the hub has another token, so this is for programs that read it
from its file; what they attach stays until it is detached.`;

const consent = `An agent may do what maps names to services in your own contexts, which kt does [for any folder's profile](security.md#folders-of-others). It gives no consent:
a profile that could run programs or send a credential elsewhere is refused until you have read it and run \`kt allow\` in a terminal. No tool runs a command, opens a
shell in a pod, changes a file of yours, or takes an environment from the agent. The variables of \`[env]\` are read by \`get_connection_info\`, whatever is in them.`;

const hostile = `Names, messages, paths and lines of logs come from clusters, pods and their clients. They reach the agent as fields of JSON, never as text of kt's, with
invisible characters escaped; the tools' descriptions hold nothing of them, and tell agents not to follow what stands there. An agent may be misled all the same: what it can do
with these tools is above. A list has at most ${mcpLimits.listBytes / 1024} KiB and says what it left out, a text ${mcpLimits.textChars / 1024} KiB of characters; ${mcpLimits.callsAtOnce} calls run at once.`;

const errors = `What cannot be done is a result with \`isError\` and the JSON of kt's own errors, \`{"error": {"code", "message", "hints"}}\`, by the codes of
[troubleshooting](troubleshooting.md).`;

const effects = { read: "reads", change: "changes", end: "ends what others may use" } as const satisfies Record<Tool["effect"], string>;

export function mcpPage(): string {
  const rows = tools.map(({ name, description, effect, input }) => [code(name), fieldsOf(input), effects[effect], description]);
  const resources = [
    [code(schemaUri), "The JSON Schema of `tunnels.toml`."],
    [code(profileTemplate), "The file of an attached profile, as it is written."],
  ];
  return page([
    "# Tools for agents",
    madeFrom("src/mcp"),
    intro,
    "## Adding it to an agent",
    start,
    ...fence("json", [config]),
    ends,
    http,
    "## Tools",
    ...table(["tool", "arguments", "", "what it does"], rows),
    "Answers have the shape of [the API](api.md); each tool has a schema of its own for arguments and answers.",
    errors,
    "## Resources",
    ...table(["resource", "what it is"], resources),
    "## What an agent may do",
    consent,
    "## What others wrote",
    hostile,
  ]);
}

function fieldsOf({ entries }: Tool["input"]): string {
  const isOptional = (schema: v.GenericSchema): boolean => v.is(schema, undefined);
  return Object.entries(entries)
    .map(([name, schema]) => (isOptional(schema as v.GenericSchema) ? `${code(name)}?` : code(name)))
    .join(", ");
}
