/** What agents may read as resources: the attached profiles, as they are written, and the schema of profiles. */

import { type McpServer, ResourceTemplate } from "@modelcontextprotocol/server";
import { KtError, toKtError } from "#base/errors.ts";
import { readRegularFile } from "#base/regular-file.ts";
import type { Snapshot } from "#control/api.ts";
import type { McpHost } from "./host.ts";
import { mcpLimits } from "./limits.ts";

export const schemaUri = "kt://schema";
export const profileTemplate = "kt://profiles/{path}";

export function addResources(server: McpServer, host: McpHost): void {
  const schema = {
    title: "The schema of profiles",
    description: "The JSON Schema of tunnels.toml, with a description of every key.",
    mimeType: "application/schema+json",
  };
  server.registerResource("schema", schemaUri, schema, async ({ href: uri }) => {
    const { jsonSchema } = await import("#profile/schema/json-schema.ts");
    return { contents: [{ uri, mimeType: schema.mimeType, text: JSON.stringify(jsonSchema(), undefined, 2) }] };
  });
  const profile = { title: "Attached profiles", description: "The file of an attached profile.", mimeType: "application/toml" };
  const list = async () => ({ resources: (await attached(host)).map(resourceOf) });
  server.registerResource("profile", new ResourceTemplate(profileTemplate, { list }), profile, async ({ href: uri }, { path }) => {
    const text = await profileText(host, decodeURIComponent(String(path)));
    return { contents: [{ uri, mimeType: profile.mimeType, text }] };
  });
}

type Attached = Pick<Snapshot["profiles"][number], "profile" | "name">;

/** None where no hub runs: then there is nothing to read. */
async function attached(host: McpHost): Promise<readonly Attached[]> {
  try {
    return (await host.withHub(new AbortController().signal, (hub) => hub.snapshot())).profiles;
  } catch (error) {
    if (error instanceof KtError && error.code === "hub-unreachable") return [];
    throw error;
  }
}

function resourceOf({ profile, name }: Attached) {
  return { uri: `kt://profiles/${encodeURIComponent(profile)}`, name: profile, title: name, mimeType: "application/toml" };
}

/** No other file of this machine. */
async function profileText(host: McpHost, path: string): Promise<string> {
  if (!(await attached(host)).some(({ profile }) => profile === path)) {
    throw new KtError("profile-not-found", `no profile "${path}" is attached`);
  }
  try {
    return new TextDecoder().decode(readRegularFile(path, { mostBytes: mcpLimits.profileBytes, code: "profile-unreadable" }).bytes);
  } catch (error) {
    throw toKtError(error, "profile-unreadable", `read "${path}"`);
  }
}
