/** [tcp]: ports of this machine that lead to one target each. */

import * as v from "valibot";
import { parseListen } from "#profile/values/listen.ts";
import type { Placed } from "#profile/values/placed.ts";
import { jumpShape } from "./jump.ts";
import type { SectionReader } from "./reader.ts";
import { byKey, entriesByKey, type LayerPort, readPorts, type Section } from "./section.ts";
import { context, expose, routeTarget, target } from "./shapes.ts";
import { readTarget } from "./targets.ts";

const tcpRoute = v.pipe(
  v.strictObject({ target: routeTarget, context: v.optional(context), ...jumpShape, expose: v.optional(expose) }, "a table with a target"),
  v.description("A TCP route in its long form."),
  v.examples([
    { target: "databases/svc/postgresql:5432", context: "prod" },
    { target: "mydb.internal:5432", via: "default/svc/backend-api", container: "main" },
    { target: "mydb.internal:5432", via: { pod: "kt-jump", create: { ttl: "30m" } } },
  ]),
);

const shape = v.pipe(
  v.record(v.string(), v.union([target, tcpRoute], 'a target such as "svc/postgresql:5432", or a table with one'), "a table of ports"),
  v.description('Local TCP ports and their targets: a bare port is 127.0.0.1 and ::1, or "127.0.0.1:5432".'),
  v.examples([{ "5432": "databases/svc/postgresql:5432" }]),
);

type Given = v.InferOutput<typeof shape>[string];

export const tcp: Section<v.InferOutput<typeof shape>, ReadonlyMap<string, Placed<LayerPort>>> = {
  shape,
  read: (reader, given = {}) => readPorts(reader, given, readPort),
  merge: byKey,
  entries: entriesByKey,
};

function readPort(reader: SectionReader, name: string, given: Given): Placed<LayerPort> | undefined {
  const path = ["tcp", name];
  const { context: of, expose: isExposed = false }: Exclude<Given, string> = typeof given === "string" ? { target: given } : given;
  const listen = reader.attempt(path, "key", () => parseListen(name));
  const reached = readTarget(reader.source, path, given);
  if (listen === undefined || reached === undefined) return undefined;
  return reader.place(path, { name, door: "tcp", listen, target: reached, context: of, expose: isExposed }, "key");
}
