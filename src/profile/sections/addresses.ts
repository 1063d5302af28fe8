/** [addresses]: the loopback addresses of the services of [[forward]]. */

import * as v from "valibot";
import { KtError } from "#base/errors.ts";
import { formatIpv4, isLoopbackIpv4, parseIpv4 } from "#base/ipv4.ts";
import { parsePodSource } from "#route/pod-source-text.ts";
import type { Placed } from "#profile/values/placed.ts";
import type { SectionReader } from "./reader.ts";
import { byKey, type Section } from "./section.ts";

const shape = v.pipe(
  v.strictObject(
    {
      base: v.optional(
        v.pipe(
          v.string('a loopback address such as "127.1.27.1"'),
          v.description(
            'The first address. Further clusters add 1 to the second number, namespaces to the third, services to the fourth; a service keeps its address. Default: "127.1.27.1".',
          ),
          v.examples(["127.1.27.1"]),
        ),
      ),
      reserve: v.optional(
        v.pipe(
          v.record(v.string(), v.string("a loopback address"), "a table of services and addresses"),
          v.description("Addresses of one's own choice, by [NAMESPACE/]svc/NAME."),
          v.examples([{ "shop/svc/db": "127.9.9.9" }]),
        ),
      ),
    },
    "a table",
  ),
  v.description("The loopback addresses of the services of [[forward]]."),
);

type Given = v.InferOutput<typeof shape>;

/** An address that is set aside for a service. */
export interface LayerReserve {
  /** Undefined is the profile's. */
  readonly namespace: string | undefined;
  readonly name: string;
  readonly address: string;
}

export interface LayerAddresses {
  /** The first of them. */
  readonly base: Placed<string> | undefined;
  /** By service. */
  readonly reserve: ReadonlyMap<string, Placed<LayerReserve>>;
}

export const addresses: Section<Given, LayerAddresses> = {
  shape,
  read: (reader, given = {}) => ({
    base: reader.setting(["addresses", "base"], given.base, parseLoopback),
    reserve: readReserve(reader, given.reserve ?? {}),
  }),
  merge: (below, above) => ({ base: above.base ?? below.base, reserve: byKey(below.reserve, above.reserve) }),
};

const loopbackHint = 'for example "127.9.9.9"';

/** In its shortest form. Throws KtError `profile-invalid`. */
function parseLoopback(text: string): string {
  const address = parseIpv4(text);
  if (address === undefined) throw new KtError("profile-invalid", `"${text}" is not a valid IPv4 address`, { hints: [loopbackHint] });
  if (!isLoopbackIpv4(address))
    throw new KtError("profile-invalid", `"${text}" is outside of 127.0.0.0/8: other machines would reach it`, { hints: [loopbackHint] });
  if (text.startsWith("127.0."))
    throw new KtError("profile-invalid", `"${text}" is where this machine's own programs listen`, { hints: [loopbackHint] });
  return formatIpv4(address);
}

function readReserve(reader: SectionReader, given: Readonly<Record<string, string>>): LayerAddresses["reserve"] {
  const reserved = new Map<string, Placed<LayerReserve>>();
  for (const [key, text] of Object.entries(given)) {
    const path = ["addresses", "reserve", key];
    const service = reader.attempt(path, "key", () => parseService(key));
    const address = reader.attempt(path, "value", () => parseLoopback(text));
    if (service === undefined || address === undefined) continue;
    const holder = [...reserved.values()].find(({ value }) => value.address === address);
    if (holder) reader.problem(path, `"${address}" is reserved already, for "${holder.path.at(-1)}"`, { hint: "choose another address" });
    else reserved.set(`${service.namespace ?? ""}/${service.name}`, reader.place(path, { ...service, address }, "key"));
  }
  return reserved;
}

function parseService(text: string): Omit<LayerReserve, "address"> {
  const { kind, namespace, name } = parsePodSource(text, "service", "service");
  if (kind === "service") return { namespace, name };
  throw new KtError("profile-invalid", `"${text}" is not a service`, { hints: ['for example "shop/svc/db"'] });
}
