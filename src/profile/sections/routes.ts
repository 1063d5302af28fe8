/** [routes]: hostnames and their targets. */

import * as v from "valibot";
import { normaliseHostname } from "#base/hostname.ts";
import { typographicHint } from "#base/typography.ts";
import { starsAsCaptures } from "#route/pattern.ts";
import { type BackendProtocol, type BackendScheme, hubHost } from "#route/target.ts";
import type { KeyPath } from "#profile/toml/positions.ts";
import type { Placed } from "#profile/values/placed.ts";
import { jumpShape } from "./jump.ts";
import { protocol, readProtocol } from "./protocol.ts";
import type { SectionReader } from "./reader.ts";
import { byKey, entriesByKey, type NamedEntry, type Section } from "./section.ts";
import { context, forwarded, routeTarget, scheme, target } from "./shapes.ts";
import { readTarget } from "./targets.ts";
import { type LayerRouteTls, readRouteTls, routeTlsShape } from "./tls-settings.ts";

const httpRoute = v.pipe(
  v.strictObject(
    {
      target: routeTarget,
      context: v.optional(context),
      ...jumpShape,
      scheme: v.optional(scheme),
      protocol: v.optional(protocol),
      forwarded: v.optional(forwarded),
      health: v.optional(
        v.pipe(
          v.string('a path such as "/healthz"'),
          v.description("A path that is asked for while the route is in use; see [health]. Default: none, and a TCP connection is opened."),
          v.examples(["/healthz"]),
        ),
      ),
      ...routeTlsShape,
    },
    "a table with a target",
  ),
  v.description("A route in its long form."),
  v.examples([
    { target: "monitoring/svc/grafana:http", context: "prod" },
    { target: "monitoring/svc/grafana:3000", scheme: "https" },
    { target: "grafana.internal:80", via: "default/svc/backend-api" },
    { target: "home/svc/home-assistant:8123", forwarded: false },
    { target: "svc/api:8080", protocol: "h2c" },
    { target: "svc/web:http", tls: "terminate" },
  ]),
);

const shape = v.pipe(
  v.record(v.string(), v.union([target, httpRoute], 'a target such as "svc/web:80", or a table with one'), "a table of hostnames"),
  v.description('Hostnames and their targets. Names are written in quotes: "grafana.localhost".'),
  v.examples([{ "grafana.localhost": "monitoring/svc/grafana:http" }]),
);

type Given = v.InferOutput<typeof shape>[string];

export interface LayerRoute extends NamedEntry {
  /** Normalised. */
  readonly host: string;
  readonly scheme: BackendScheme | undefined;
  readonly protocol: BackendProtocol | undefined;
  readonly forwarded: boolean | undefined;
  /** A path. */
  readonly health: string | undefined;
  readonly tls: LayerRouteTls;
}

export const routes: Section<v.InferOutput<typeof shape>, ReadonlyMap<string, Placed<LayerRoute>>> = {
  shape,
  /** By normalised hostname. */
  read(reader, given = {}) {
    const read = new Map<string, Placed<LayerRoute>>();
    for (const [name, entry] of Object.entries(given)) {
      const route = readRoute(reader, name, entry);
      if (route) reader.addOnce(read, route.value.host, route, "names match without regard to case and a trailing dot");
    }
    return read;
  },
  merge: byKey,
  entries: entriesByKey,
};

function readRoute(reader: SectionReader, name: string, given: Given): Placed<LayerRoute> | undefined {
  const path = ["routes", name];
  if (isMisplaced(reader, path, name)) return undefined;
  const written: Exclude<Given, string> = typeof given === "string" ? { target: given } : given;
  const host = readHostname(reader, path, name);
  const reached = readTarget(reader.source, path, given);
  const health = readHealth(reader, [...path, "health"], written.health);
  const tls = readRouteTls(reader, path, written);
  if (host === undefined || reached === undefined) return undefined;
  const { context: of, scheme: spoken, forwarded: passed } = written;
  return reader.place(
    path,
    {
      name,
      host,
      target: reached,
      context: of,
      scheme: spoken,
      protocol: readProtocol(reader, path, written),
      forwarded: passed,
      health,
      tls,
    },
    "key",
  );
}

/** What may stand in a request line (RFC 9112 §3.2.1). */
function readHealth(reader: SectionReader, path: KeyPath, text: string | undefined): string | undefined {
  if (text === undefined || /^\/[\x21-\x7e]*$/.test(text)) return text;
  return reader.problem(path, `"${text}" is not a valid path`, { hint: 'for example health = "/healthz"' });
}

function readHostname(reader: SectionReader, path: KeyPath, name: string): string | undefined {
  const host = normaliseHostname(name);
  if (host === hubHost) return reader.problem(path, `"${name}" is the name of kt's own pages`, { at: "key", hint: "choose another name" });
  return host ?? reader.problem(path, `"${name}" is not a valid hostname`, { at: "key", hint: hostHint(name) });
}

function hostHint(name: string): string {
  const pattern = starsAsCaptures(name);
  if (pattern !== undefined) return `such names are patterns: [[patterns]] with host = "${pattern}" and target = "svc/{service}:80"`;
  const typographic = typographicHint(name);
  if (typographic !== undefined) return typographic;
  if (name.includes("{")) return "hostnames with {captures} belong in [[patterns]]";
  if (name.includes("://") || name.includes("/")) return 'only the hostname, such as "grafana.localhost"';
  if (/:\d*$/.test(name)) return "without the port: it is the same for all hosts, [http] listen";
  return 'letters, digits and dashes between dots, such as "grafana.localhost"';
}

/** In TOML, a setting below the first [table] is that table's. */
function isMisplaced(reader: SectionReader, path: KeyPath, name: string): boolean {
  if (!/^(name|context|namespace|kubeconfig|idle_timeout|start_timeout)$/.test(name)) return false;
  const hint = `to set the ${name}, move the line to the top of the file, before the first [table]`;
  reader.problem(path, `"${name}" stands under [routes], as if it were a hostname`, { at: "key", hint });
  return true;
}
