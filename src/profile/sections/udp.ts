/** [udp]: UDP ports of this machine that lead to one target each, through a relay in the cluster. */

import * as v from "valibot";
import { KtError } from "#base/errors.ts";
import { second } from "#base/units.ts";
import { parseAddress } from "#route/address-text.ts";
import { parseTarget } from "#route/target-text.ts";
import { parseDuration } from "#profile/values/duration.ts";
import { parseListen } from "#profile/values/listen.ts";
import type { Placed } from "#profile/values/placed.ts";
import type { SectionReader } from "./reader.ts";
import { byKey, entriesByKey, type LayerPort, type LayerTarget, readPorts, type Section } from "./section.ts";
import { context, expose, targetText } from "./shapes.ts";

/** As long as resolvers and games are silent in between, and no longer than a firewall remembers a flow. */
const defaultTimeoutMs = 60 * second;

const target = v.pipe(
  v.string('a target such as "svc/kube-dns:53"'),
  v.description(`What is reached, as ${targetText}; or an address that the cluster reaches: HOST:PORT or [IPV6]:PORT.`),
  v.examples(["kube-system/svc/kube-dns:53", "kube-system/svc/kube-dns:dns", "resolver.internal:53"]),
);

const udpRoute = v.pipe(
  v.strictObject(
    {
      target,
      context: v.optional(context),
      session_timeout: v.optional(
        v.pipe(
          v.string('a duration such as "60s"'),
          v.description('A client that neither sends nor gets anything for this long is forgotten, and begins anew. Default: "60s".'),
          v.examples(["60s", "5m"]),
        ),
      ),
      expose: v.optional(expose),
    },
    "a table with a target",
  ),
  v.description("A UDP route in its long form."),
  v.examples([{ target: "telemetry/svc/collector:8125", session_timeout: "5m" }]),
);

const shape = v.pipe(
  v.record(v.string(), v.union([target, udpRoute], 'a target such as "svc/kube-dns:53", or a table with one'), "a table of ports"),
  v.description(
    'Local UDP ports and their targets: a bare port is 127.0.0.1 and ::1, or "127.0.0.1:5353". They need the relay: port-forward carries no UDP.',
  ),
  v.examples([{ "5353": "kube-system/svc/kube-dns:53" }]),
);

type Given = v.InferOutput<typeof shape>[string];

export const udp: Section<v.InferOutput<typeof shape>, ReadonlyMap<string, Placed<LayerPort>>> = {
  shape,
  read: (reader, given = {}) => readPorts(reader, given, readPort),
  merge: byKey,
  entries: entriesByKey,
};

function readPort(reader: SectionReader, name: string, given: Given): Placed<LayerPort> | undefined {
  const path = ["udp", name];
  const isLong = typeof given !== "string";
  const {
    target: text,
    context: of,
    session_timeout: timeout,
    expose: isExposed = false,
  }: Exclude<Given, string> = isLong ? given : { target: given };
  const listen = reader.attempt(path, "key", () => parseListen(name));
  const reached = reader.attempt(isLong ? [...path, "target"] : path, "value", () => parseUdpTarget(text));
  const sessionTimeoutMs =
    timeout === undefined ? defaultTimeoutMs : reader.attempt([...path, "session_timeout"], "value", () => parseTimeout(timeout));
  if (listen === undefined || reached === undefined || sessionTimeoutMs === undefined) return undefined;
  const addresses = listen.map((address) => ({ ...address, transport: "udp" as const }));
  const port = { name: `${name}/udp`, door: "udp", listen: addresses, target: reached, context: of, expose: isExposed, sessionTimeoutMs };
  return reader.place(path, port, "key");
}

/** The end `/udp`, which kt shows, is taken as well. What has dots or brackets and no slash can only be an address. */
function parseUdpTarget(given: string): LayerTarget {
  const text = given.replace(/\/udp$/, "");
  if (text.includes("/") || !/[.[]/.test(text)) return { ...parseTarget(text), transport: "udp" };
  return { kind: "relayed", ...parseAddress(text), namespace: undefined, transport: "udp" };
}

function parseTimeout(text: string): number {
  const timeoutMs = parseDuration(text);
  if (timeoutMs > 0) return timeoutMs;
  throw new KtError("profile-invalid", `"${text}" would forget each client at once`, { hints: ['for example session_timeout = "60s"'] });
}
