/** docs/api.md: every operation of the API, by its definition. */

import { openApi } from "#web/rest/openapi.ts";
import { endpoints } from "#web/rest/endpoints.ts";
import { code, fence, madeFrom, page, table } from "./markdown.ts";

const intro = `The hub answers programs at \`http://kt.localhost:8989/api/v1\`, the port being that of \`[http] listen\`. What it says is what the commands say, in the shape of
their \`--json\`. \`/api/openapi.json\` is the same as an OpenAPI 3.1 document, made from the schemas that check each request.`;

const access = `Send the hub's token, as for [metrics](metrics.md#who-may-read-them). What changes something is a POST with a body of JSON; a page of another site gets 403,
whatever it sends.`;

const example = `curl -s -H "Authorization: Bearer $(cat "$XDG_RUNTIME_DIR/kt/token")" http://kt.localhost:8989/api/v1/snapshot`;

const errors = `What cannot be answered has the status and the body of kt's own errors, \`{"error": {"code", "message", "hints"}}\`: 400 for what is not valid, 401 without the token,
403 for a page of another site and for a profile that needs \`kt allow\`, 404 for what is not there, also another version than \`v1\`, 405, 413 and 415 for
another method, size or type, 409 for what does not fit what runs, 502 to 504 for what is wrong in the cluster. The codes are those of
[troubleshooting](troubleshooting.md).`;

const streams = `\`events\` and \`watch\` are server-sent events. A client of \`events\` that comes again with the \`Last-Event-ID\` that it had gets what it missed. The hub keeps the latest
1,000 events; where some of what a client has not read is no longer kept, it gets an event \`gap\` in their place. A client that reads slowly holds nothing up. A
line \`:\` comes every 15 s where nothing else does.`;

export function apiPage(): string {
  const { paths } = openApi("") as { paths: Record<string, Record<string, { parameters?: { name: string; required: boolean }[] }>> };
  const rows = endpoints.map(({ method, path, summary, input }) => {
    const required = new Set(paths[path]?.["get"]?.parameters?.filter((each) => each.required).map(({ name }) => name));
    const isNeeded = (name: string): boolean => (method === "GET" ? required.has(name) : input.entries[name]?.type !== "optional");
    const fields = Object.keys(input.entries).map((name) => (isNeeded(name) ? code(name) : `${code(name)}?`));
    return [`${method} ${code(path)}`, fields.join(", "), summary];
  });
  return page([
    "# The API of the hub",
    madeFrom("src/web/rest"),
    intro,
    access,
    ...fence('sh skip="needs a hub with a token of its own"', [example]),
    "## What it does",
    ...table(["operation", "query, or fields of the body", "what it does"], rows),
    "## Streams",
    streams,
    "## Errors",
    errors,
  ]);
}
