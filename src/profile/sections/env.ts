/** [env]: variables for `kt run` and `kt env`, which may speak of routes. */

import * as v from "valibot";
import type { Placed } from "#profile/values/placed.ts";
import { checkReferences } from "#profile/values/references.ts";
import { byKey, type LayerEntry, portEntries, type Section } from "./section.ts";

const shape = v.pipe(
  v.record(v.string(), v.string("text"), "a table of variables"),
  v.description(
    "Variables for kt run and kt env; those that steer programs, such as PATH, need `kt allow` once. ${tcp.PORT.address}, .host and .port stand for a route's local side, and so do ${udp.PORT.address} and ${routes.HOST.url}. ${routes.HOST.address}, .host and .port give that route a loopback address of its own, for programs that do not resolve its name. ${forward.NAME:PORT.address}, .host and .port stand for a port of a service of [[forward]], by the name that kt status shows, such as db.shop:5432.",
  ),
  v.examples([{ DATABASE_URL: "postgres://app@${tcp.5432.address}/app" }]),
);

function portsAt(entries: readonly Placed<LayerEntry>[], door: string): string[] {
  return portEntries(entries).flatMap(({ value }) => (value.door === door ? [value.name] : []));
}

export const env: Section<v.InferOutput<typeof shape>, ReadonlyMap<string, Placed<string>>> = {
  shape,
  read(reader, given = {}) {
    const read = new Map<string, Placed<string>>();
    for (const [name, text] of Object.entries(given)) {
      const path = ["env", name];
      if (!/^[A-Za-z_][A-Za-z0-9_]*$/.test(name))
        reader.problem(path, `"${name}" is not a valid name of a variable`, { at: "key", hint: "letters, digits and underscores" });
      else if (text.includes("\0"))
        reader.problem(path, `"${name}" holds a NUL character, which no variable can hold`, { hint: 'write it without "\\u0000"' });
      else read.set(name, reader.place(path, text));
    }
    return read;
  },
  merge: byKey,
  check(variables, entries) {
    const hosts = entries.flatMap(({ value }) => ("host" in value && typeof value.host === "string" ? [value.host] : []));
    const known = { tcp: portsAt(entries, "tcp"), udp: portsAt(entries, "udp").map((name) => name.replace(/\/udp$/, "")), routes: hosts };
    for (const { value, source, path } of variables.values()) {
      for (const { text, message, hint } of checkReferences(value, known)) source.problem(path, message, { hint, part: text });
    }
  },
};
