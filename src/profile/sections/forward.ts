/** [[forward]]: whole namespaces, each service on a loopback address of its own. */

import * as v from "valibot";
import { KtError } from "#base/errors.ts";
import type { KeyPath } from "#profile/toml/positions.ts";
import { parseDomain } from "#profile/values/domain.ts";
import type { Placed } from "#profile/values/placed.ts";
import { checkSelector } from "#profile/values/selector.ts";
import type { SectionReader } from "./reader.ts";
import { entriesByKey, type LayerEntry, type Section } from "./section.ts";
import { context, parseNamePattern } from "./shapes.ts";

const namespaceText = 'the name of a namespace such as "shop" or "team-*"';
const serviceText = 'the name of a service such as "api" or "db-*"';
const portText = "a port from 1 to 65535";

const localPort = v.pipe(v.number("a port"), v.integer(portText), v.minValue(1, portText), v.maxValue(65535, portText));

const table = v.pipe(
  v.strictObject(
    {
      namespaces: v.optional(
        v.pipe(
          v.array(v.string(namespaceText), "a list of namespaces"),
          v.description("Names, or names with * and ?, which need the right to list namespaces. Default: the profile's."),
          v.examples([["shop", "team-*"]]),
        ),
      ),
      context: v.optional(context),
      selector: v.optional(
        v.pipe(
          v.string('a label selector such as "tier=backend"'),
          v.description("Only services whose labels match, as kubectl writes selectors."),
          v.examples(["tier=backend", "app in (api, db),!canary"]),
        ),
      ),
      include: v.optional(
        v.pipe(
          v.array(v.string(serviceText), "a list of services"),
          v.description("Only these services: names, or names with * and ?. Default: all."),
          v.examples([["api", "db-*"]]),
        ),
      ),
      exclude: v.optional(
        v.pipe(v.array(v.string(serviceText), "a list of services"), v.description("Not these services."), v.examples([["*-canary"]])),
      ),
      ports: v.optional(
        v.pipe(
          v.record(v.string(), localPort, "a table of ports"),
          v.description("Service ports and the local ports that stand for them. Default: the same."),
          v.examples([{ "80": 8080 }]),
        ),
      ),
      domain: v.optional(
        v.pipe(
          v.string('a domain such as "dev.test"'),
          v.description("A domain in which the services have names as well: api.shop.dev.test."),
          v.examples(["dev.test"]),
        ),
      ),
    },
    "a table",
  ),
  v.description(
    "Every service of these namespaces under its own address: each declared port is listened on, and nothing is forwarded until a client connects. Services that come, change or go are followed.",
  ),
);

const shape = v.pipe(
  v.array(table, "a list of tables: [[forward]]"),
  v.description("Whole namespaces, every service under its own address."),
);

type Given = v.InferOutput<typeof table>;

export interface LayerForward extends LayerEntry {
  /** Names and globs; none is the profile's namespace. */
  readonly namespaces: readonly string[];
  readonly selector: string | undefined;
  /** Names and globs; none is all. */
  readonly include: readonly string[];
  readonly exclude: readonly string[];
  /** From service ports to local ports. */
  readonly ports: ReadonlyMap<number, number>;
  readonly domain: string | undefined;
}

type Forwards = ReadonlyMap<string, Placed<LayerForward>>;

export const forward: Section<readonly Given[], Forwards> = {
  shape,
  /** By context and namespaces: two that have one in common are a problem, since each service has one address. */
  read(reader, given = []) {
    const forwards = new Map<string, Placed<LayerForward>>();
    const seen = new Map<string, number>();
    for (const [index, entry] of given.entries()) {
      const path = ["forward", String(index)];
      const value = readForward(reader, path, entry);
      const names = value.namespaces.length === 0 ? [""] : value.namespaces;
      for (const [at, name] of names.entries()) {
        const line = seen.get(`${value.context ?? ""}/${name}`);
        const place = entry.namespaces ? [...path, "namespaces", String(at)] : path;
        if (line !== undefined) reportTwice(reader, place, name, line);
        else seen.set(`${value.context ?? ""}/${name}`, reader.source.key(path).line);
      }
      forwards.set(`${value.context ?? ""}/${names.join(" ")}`, reader.place(path, value, "key"));
    }
    return forwards;
  },
  /** The first counts where names clash: that is the profile's own. */
  merge: (below, above) => new Map([...above, ...below, ...above]),
  entries: entriesByKey,
};

/** Throws KtError `profile-invalid`. */
function parsePort(text: string): number {
  const port = Number(text);
  if (/^[0-9]+$/.test(text) && port >= 1 && port <= 65535) return port;
  throw new KtError("profile-invalid", `"${text}" is not a valid port of a service`, { hints: ["a number from 1 to 65535"] });
}

function readForward(reader: SectionReader, path: KeyPath, given: Given): LayerForward {
  const { namespaces, selector, include = [], exclude = [], ports = {}, domain } = given;
  if (namespaces?.length === 0)
    reader.problem([...path, "namespaces"], "namespaces is an empty list", { hint: 'for example ["shop", "team-*"]' });
  const service = (item: string): string => parseNamePattern(item, "service");
  return {
    name: namespaces?.join(", ") ?? "",
    namespaces: reader.each([...path, "namespaces"], namespaces ?? [], (item) => parseNamePattern(item, "namespace")),
    context: given.context,
    selector: reader.setting([...path, "selector"], selector, checkSelector)?.value,
    include: reader.each([...path, "include"], include, service),
    exclude: reader.each([...path, "exclude"], exclude, service),
    ports: readPorts(reader, [...path, "ports"], ports),
    domain: reader.setting([...path, "domain"], domain, parseDomain)?.value,
  };
}

function readPorts(reader: SectionReader, path: KeyPath, given: Readonly<Record<string, number>>): ReadonlyMap<number, number> {
  const ports = new Map<number, number>();
  for (const [key, local] of Object.entries(given)) {
    const port = reader.attempt([...path, key], "key", () => parsePort(key));
    const earlier = [...ports].find(([, other]) => other === local)?.[0];
    if (port === undefined) continue;
    if (earlier !== undefined)
      reader.problem([...path, key], `local port ${local} is requested twice`, { hint: `port ${earlier} has it already` });
    ports.set(port, local);
  }
  return ports;
}

function reportTwice(reader: SectionReader, path: KeyPath, namespace: string, line: number): void {
  const what = namespace === "" ? "the profile's namespace" : `namespace "${namespace}"`;
  reader.problem(path, `${what} is forwarded already, by the [[forward]] in line ${line}`, { hint: "make one of the two" });
}
