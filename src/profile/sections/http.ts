/** [http]: the front door, where all hostnames are served. */

import * as v from "valibot";
import { normaliseHostname } from "#base/hostname.ts";
import { parseAllowedOrigin } from "#route/origins.ts";
import { parseListen } from "#profile/values/listen.ts";
import type { ListenAddress } from "#profile/values/plan.ts";
import type { Placed } from "#profile/values/placed.ts";
import { listenShape, readListen } from "./listen.ts";
import type { SectionReader } from "./reader.ts";
import { bySetting, type Section } from "./section.ts";
import { expose, parseNamePattern } from "./shapes.ts";
import { type LayerTermination, terminationShape } from "./tls-settings.ts";

const origin = v.string('an origin such as "https://app.example.com"');

const shape = v.pipe(
  v.strictObject(
    {
      listen: v.optional(
        v.pipe(
          listenShape,
          v.description("Where all HTTP and TLS hosts are served. A bare port is 127.0.0.1 and ::1. Default: 8989."),
          v.examples([["127.0.0.1:8989", "[::1]:8989"]]),
        ),
      ),
      suffix: v.optional(
        v.pipe(
          v.string('a hostname such as "k8s.localhost"'),
          v.description('What the built-in names end with, {service}-{port}.svc.{ns}.ns.{context}.cx.SUFFIX. Default: "k8s.localhost".'),
          v.examples(["k8s.localhost"]),
        ),
      ),
      dynamic: v.optional(
        v.pipe(
          v.union(
            [v.boolean("true or false"), v.array(v.string("the name of a context"), "a list of contexts")],
            "true, false or a list of contexts",
          ),
          v.description(
            "Which contexts the built-in names reach: those of the list, all with true, none with false. Contexts that the profile does not name elsewhere need `kt allow` once. Default: those that the profile itself names, by context, [contexts] or a route; where it names no context, the kubeconfig's current-context.",
          ),
          v.examples([["dev", "staging"], true, false]),
        ),
      ),
      cluster_names: v.optional(
        v.pipe(
          v.union(
            [v.boolean("true or false"), v.array(v.string("the name of a namespace"), "a list of namespaces")],
            "true, false or a list of namespaces",
          ),
          v.description(
            "Names that services have in their cluster, SERVICE.NAMESPACE with .svc or .svc.cluster.local behind it or not, are served at the front door, in these namespaces or, with true, in those that the profile speaks of. The port of the URL is the service's; where it has no such port, the one called http, or https for 443, is meant, else its only one. Needs `kt allow` once: a site of the web may be called like a service. Default: false.",
          ),
          v.examples([["shop", "team-*"], true]),
        ),
      ),
      allow_origins: v.optional(
        v.pipe(
          v.union([origin, v.array(origin)], "an origin or a list of origins"),
          v.description(
            "Pages of other sites that may ask for this profile's routes, by their origins: * may stand for the first label, and alone for every page. Needs `kt allow` once. Default: only pages of this machine (localhost, *.localhost, loopback addresses) and of kt's own names.",
          ),
          v.examples([["https://app.example.com", "https://*.example.com"]]),
        ),
      ),
      expose: v.optional(expose),
      ...terminationShape,
    },
    "a table",
  ),
  v.description("The front door."),
);

type Given = v.InferOutput<typeof shape>;

const defaultListen = "8989";

/** Undefined where the file does not say it. */
export type HttpSettings = {
  readonly listen: Placed<readonly ListenAddress[]> | undefined;
  readonly expose: Placed<boolean> | undefined;
  readonly suffix: Placed<string> | undefined;
  /** The contexts as written; true is every one, false none. */
  readonly dynamic: Placed<boolean | readonly string[]> | undefined;
  /** True is the namespaces that the profile speaks of, false none. */
  readonly clusterNames: Placed<boolean | readonly string[]> | undefined;
  readonly allowOrigins: Placed<readonly string[]> | undefined;
  readonly tls: Placed<LayerTermination["mode"]> | undefined;
  readonly redirect: Placed<boolean> | undefined;
};

export const http: Section<Given, HttpSettings> = {
  shape,
  read: (reader, given = {}) => ({
    listen: readDoor(reader, given.listen),
    expose: reader.asWritten(["http", "expose"], given.expose),
    suffix: readSuffix(reader, given.suffix),
    dynamic: reader.asWritten(["http", "dynamic"], given.dynamic),
    clusterNames: readClusterNames(reader, given.cluster_names),
    allowOrigins: readOrigins(reader, given.allow_origins),
    tls: reader.asWritten(["http", "tls"], given.tls),
    redirect: reader.asWritten(["http", "redirect"], given.redirect),
  }),
  merge: bySetting,
};

/** Nowhere else would its routes be reached. */
function readDoor(reader: SectionReader, given: Given["listen"]): HttpSettings["listen"] {
  const path = ["http", "listen"];
  if (Array.isArray(given) && given.length === 0)
    reader.problem(path, "listen is an empty list", { hint: 'for example ["127.0.0.1:8989", "[::1]:8989"]' });
  return readListen(reader, path, given);
}

function readClusterNames(reader: SectionReader, given: Given["cluster_names"]): HttpSettings["clusterNames"] {
  if (given === undefined) return undefined;
  const path = ["http", "cluster_names"];
  return reader.place(path, typeof given === "boolean" ? given : reader.each(path, given, (text) => parseNamePattern(text, "namespace")));
}

function readOrigins(reader: SectionReader, given: Given["allow_origins"]): HttpSettings["allowOrigins"] {
  if (given === undefined) return undefined;
  const path = ["http", "allow_origins"];
  return reader.place(path, reader.each(path, given, parseAllowedOrigin));
}

function readSuffix(reader: SectionReader, text: string | undefined): HttpSettings["suffix"] {
  if (text === undefined) return undefined;
  const path = ["http", "suffix"];
  const suffix = normaliseHostname(text.replace(/^\./, ""));
  if (suffix !== undefined) return reader.place(path, suffix);
  return reader.problem(path, `"${text}" is not a valid hostname`, { hint: 'for example suffix = "k8s.localhost"' });
}

/** Where all hostnames are served. */
export function frontDoorAddresses({ http: { listen } }: { readonly http: HttpSettings }): readonly ListenAddress[] {
  return listen?.value ?? parseListen(defaultListen);
}
