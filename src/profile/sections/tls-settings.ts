/** The settings of TLS that [http], routes and patterns have: who speaks it to clients, and what a backend has to prove. */

import * as v from "valibot";
import { normaliseHostname } from "#base/hostname.ts";
import type { KeyPath } from "#profile/toml/positions.ts";
import { expandPath } from "#profile/values/paths.ts";
import type { SectionReader } from "./reader.ts";

const modes = ["passthrough", "terminate"] as const;

export const terminationShape = {
  tls: v.optional(
    v.pipe(
      v.picklist(modes, '"passthrough" or "terminate"'),
      v.description(
        'Who speaks TLS to the clients of https://: the backend, with "passthrough", or kt, with "terminate" and a certificate of its local CA; see kt trust. Default: "passthrough", or what [http] says.',
      ),
    ),
  ),
  redirect: v.optional(
    v.pipe(
      v.boolean("true or false"),
      v.description(
        'With tls = "terminate": whether requests of http:// are answered 308 with the https:// address. Default: false, they are served as well; or what [http] says.',
      ),
    ),
  ),
};

const path = v.string("a path");

export const routeTlsShape = {
  ...terminationShape,
  cert: v.optional(
    v.pipe(
      path,
      v.description(
        'With tls = "terminate": a PEM file of your own certificate with those between it and its root, in place of one of kt\'s CA. Read again when it changes; open connections go on.',
      ),
      v.examples(["./certs/shop.pem"]),
    ),
  ),
  key: v.optional(
    v.pipe(path, v.description("The PEM file of its private key, which no other user may read."), v.examples(["./certs/shop.key"])),
  ),
  client_ca: v.optional(
    v.pipe(
      path,
      v.description(
        'With tls = "terminate": a PEM file of the authorities one of which must have signed the client\'s certificate. Other clients, and those without TLS, get 403.',
      ),
      v.examples(["./certs/clients.pem"]),
    ),
  ),
  ca: v.optional(
    v.pipe(
      path,
      v.description(
        "A PEM file of the authorities one of which must have signed the backend's certificate. As each of insecure and server_name it implies scheme = 'https'. Default: none.",
      ),
      v.examples(["./certs/backend-ca.pem"]),
    ),
  ),
  insecure: v.optional(
    v.pipe(
      v.boolean("true or false"),
      v.description(
        "Whether the certificate of a backend that speaks TLS is taken as it is: the API server has led to the right pod. With false the system's roots must know it. Default: true, and false with ca.",
      ),
    ),
  ),
  server_name: v.optional(
    v.pipe(
      v.string("a hostname"),
      v.description(
        "The name that a backend of TLS is asked for (SNI), and that its certificate must have. Default: the name of the route.",
      ),
      v.examples(["grafana.monitoring.svc"]),
    ),
  ),
};

/** A path that a setting names. */
export interface NamedFile {
  /** Absolute. */
  readonly path: string;
  readonly written: string;
}

/** Undefined where the file does not say it. */
export interface LayerTermination {
  readonly mode: (typeof modes)[number] | undefined;
  readonly redirect: boolean | undefined;
}

export interface LayerRouteTls extends LayerTermination {
  readonly cert: NamedFile | undefined;
  readonly key: NamedFile | undefined;
  readonly clientCa: NamedFile | undefined;
  readonly ca: NamedFile | undefined;
  readonly insecure: boolean | undefined;
  readonly serverName: string | undefined;
}

interface Given {
  readonly tls?: LayerTermination["mode"] | undefined;
  readonly redirect?: boolean | undefined;
}

interface GivenOfRoute extends Given {
  readonly cert?: string | undefined;
  readonly key?: string | undefined;
  readonly client_ca?: string | undefined;
  readonly ca?: string | undefined;
  readonly insecure?: boolean | undefined;
  readonly server_name?: string | undefined;
}

export function readTermination({ tls, redirect }: Given): LayerTermination {
  return { mode: tls, redirect };
}

export function readRouteTls(reader: SectionReader, at: KeyPath, given: GivenOfRoute): LayerRouteTls {
  const file = (written: string | undefined): NamedFile | undefined =>
    written === undefined ? undefined : { path: expandPath(written, reader.source.directory, reader.home), written };
  return {
    ...readTermination(given),
    cert: file(given.cert),
    key: file(given.key),
    clientCa: file(given.client_ca),
    ca: file(given.ca),
    insecure: given.insecure,
    serverName: readServerName(reader, [...at, "server_name"], given.server_name),
  };
}

function readServerName(reader: SectionReader, path: KeyPath, text: string | undefined): string | undefined {
  if (text === undefined) return undefined;
  const hint = 'for example server_name = "grafana.monitoring.svc"';
  return normaliseHostname(text) ?? reader.problem(path, `"${text}" is not a valid hostname`, { hint });
}
