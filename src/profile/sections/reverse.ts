/** [[reverse]]: services of the cluster whose connections come to ports of this machine, through a relay. */

import * as v from "valibot";
import { KtError } from "#base/errors.ts";
import { isLoopback, parseListen } from "#profile/values/listen.ts";
import type { ListenAddress } from "#profile/values/plan.ts";
import type { Placed } from "#profile/values/placed.ts";
import { isLabel } from "#route/pod-source-text.ts";
import type { SectionReader } from "./reader.ts";
import { byKey, entriesByKey, type LayerEntry, type Section } from "./section.ts";
import { context } from "./shapes.ts";

const serviceText = 'a service and its port such as "shop/my-api:80"';
const localText = 'an address of this machine such as "127.0.0.1:3000"';

const table = v.pipe(
  v.strictObject(
    {
      service: v.pipe(
        v.string(serviceText),
        v.description("The service and its port in the cluster: [NAMESPACE/]NAME:PORT. Several ports of one service are several tables."),
        v.examples(["shop/my-api:80"]),
      ),
      local: v.pipe(
        v.string(localText),
        v.description("Where its connections come to: a loopback address of this machine. localhost is 127.0.0.1, or else ::1."),
        v.examples(["127.0.0.1:3000"]),
      ),
      context: v.optional(context),
      replace: v.optional(
        v.pipe(
          v.boolean("true or false"),
          v.description(
            "Whether a service of that name that is there already leads here meanwhile; afterwards it is as it was. Without it kt leaves such a service alone. Default: false.",
          ),
        ),
      ),
    },
    "a table",
  ),
  v.description(
    "The other way: a service in the cluster whose connections come to a port of this machine, while the profile is attached. Needs `kt allow` once, and the [relay].",
  ),
  v.examples([{ service: "shop/my-api:80", local: "127.0.0.1:3000" }]),
);

const shape = v.pipe(v.array(table, "a list of tables: [[reverse]]"), v.description("Services of the cluster that lead to this machine."));

type Given = v.InferOutput<typeof table>;

export interface LayerReverse extends LayerEntry {
  /** Undefined is the profile's. */
  readonly namespace: string | undefined;
  readonly service: string;
  readonly port: number;
  /** Tried in this order. */
  readonly local: readonly ListenAddress[];
  readonly replace: boolean;
}

type Reverses = ReadonlyMap<string, Placed<LayerReverse>>;

export const reverse: Section<readonly Given[], Reverses> = {
  shape,
  read(reader, given = []) {
    const reverses = new Map<string, Placed<LayerReverse>>();
    for (const [index, entry] of given.entries()) {
      const place = readReverse(reader, String(index), entry);
      if (place) reader.addOnce(reverses, place.value.name, place, "one service and port leads to one place");
    }
    return reverses;
  },
  merge: byKey,
  entries: entriesByKey,
  check: (reverses) => checkReplace([...reverses.values()]),
};

function readReverse(reader: SectionReader, index: string, given: Given): Placed<LayerReverse> | undefined {
  const path = ["reverse", index];
  const service = reader.attempt([...path, "service"], "value", () => parseService(given.service));
  const local = reader.attempt([...path, "local"], "value", () => parseLocal(given.local));
  if (service === undefined || local === undefined) return undefined;
  const { context: of, replace = false } = given;
  return reader.place([...path, "service"], { name: given.service, ...service, local, context: of, replace });
}

/** Throws KtError `profile-invalid`. */
function parseService(text: string): Pick<LayerReverse, "namespace" | "service" | "port"> {
  const hint = 'write "NAMESPACE/NAME:PORT", such as "shop/my-api:80"';
  const [, namespace, service = "", port = ""] = /^(?:([^/:]+)\/)?([^/:]+):([^/:]+)$/.exec(text) ?? [];
  if (service === "") throw invalid(`"${text}" is not a service and its port`, hint);
  if (!isLabel(service) || !/^[a-z]/.test(service))
    throw invalid(`"${service}" is not a valid name of a service`, "lower case letters, digits and dashes, beginning with a letter");
  if (namespace !== undefined && !isLabel(namespace))
    throw invalid(`"${namespace}" is not a valid name of a namespace`, "lower case letters, digits and dashes");
  if (!/^[1-9]\d{0,4}$/.test(port) || Number(port) > 65535)
    throw invalid(`"${port}" is not a valid port of a service`, "1 to 65535, by number");
  return { namespace, service, port: Number(port) };
}

/** Throws KtError `profile-invalid`. */
function parseLocal(text: string): readonly ListenAddress[] {
  const addresses = parseListen(text);
  if (addresses.every(isLoopback)) return addresses;
  const port = addresses[0]?.port ?? 3000;
  throw invalid(`"${text}" is not a loopback address: the cluster would reach more than this machine`, `for example "127.0.0.1:${port}"`);
}

function invalid(message: string, hint: string): KtError {
  return new KtError("profile-invalid", message, { hints: [hint] });
}

/** All ports of a service are one service, which is replaced or not. */
function checkReplace(reverses: readonly Placed<LayerReverse>[]): void {
  for (const [at, { value, source, path }] of reverses.entries()) {
    const { service, namespace, context: of, replace } = value;
    const isOfSame = ({ value: other }: Placed<LayerReverse>): boolean =>
      other.service === service && other.namespace === namespace && other.context === of;
    const other = reverses.slice(0, at).find(isOfSame);
    if (other !== undefined && other.value.replace !== replace)
      source.problem(path, `"${value.name}" and "${other.value.name}" are one service, and only one of them says replace = true`, {
        hint: "say it of both, or of none",
      });
  }
}
