/** [[patterns]]: dynamic hostnames of one's own. */

import * as v from "valibot";
import { HostPattern } from "#route/pattern.ts";
import type { BackendProtocol, BackendScheme } from "#route/target.ts";
import { checkContextTemplate, type ParsedTargetTemplate, parseTargetTemplate } from "#route/template.ts";
import type { Placed } from "#profile/values/placed.ts";
import { protocol, readProtocol } from "./protocol.ts";
import type { SectionReader } from "./reader.ts";
import { byKey, entriesByKey, type LayerEntry, type Section } from "./section.ts";
import { forwarded, scheme, targetText } from "./shapes.ts";
import { type LayerTermination, readTermination, terminationShape } from "./tls-settings.ts";

const pattern = v.pipe(
  v.strictObject(
    {
      host: v.pipe(
        v.string('a pattern such as "{service}.shop.localhost"'),
        v.description("A hostname with {captures}; each stands for text without dots."),
        v.examples(["{service}.{namespace}.shop.localhost", "{service}-dev.localhost"]),
      ),
      target: v.pipe(
        v.string('a target such as "{namespace}/svc/{service}:80"'),
        v.description(
          `What is reached, with {captures} of the host in it, as ${targetText}. A {port} that the host does not capture is that of the Host header.`,
        ),
        v.examples(["{namespace}/svc/{service}:80", "svc/{service}:{port}"]),
      ),
      context: v.optional(
        v.pipe(
          v.string("the name of a context"),
          v.description("A context, which may hold {captures} of the host. Default: the profile's."),
        ),
      ),
      scheme: v.optional(scheme),
      protocol: v.optional(protocol),
      forwarded: v.optional(forwarded),
      ...terminationShape,
    },
    "a table with host and target",
  ),
  v.description("Dynamic hostnames of one's own."),
);

const shape = v.pipe(v.array(pattern, "a list of tables: [[patterns]]"), v.description("Dynamic hostnames of one's own."));

type Given = v.InferOutput<typeof pattern>;

export interface LayerPattern extends LayerEntry {
  readonly pattern: HostPattern;
  readonly template: ParsedTargetTemplate;
  readonly scheme: BackendScheme | undefined;
  readonly protocol: BackendProtocol | undefined;
  readonly forwarded: boolean | undefined;
  readonly tls: LayerTermination;
}

export const patterns: Section<readonly Given[], ReadonlyMap<string, Placed<LayerPattern>>> = {
  shape,
  /** By shape. */
  read(reader, given = []) {
    const read = new Map<string, Placed<LayerPattern>>();
    for (const [index, entry] of given.entries()) {
      const pattern = readPattern(reader, index, entry);
      const hint = "two patterns are the same when only the names of their captures differ";
      if (pattern) reader.addOnce(read, pattern.value.pattern.shape, pattern, hint);
    }
    return read;
  },
  merge: byKey,
  entries: entriesByKey,
};

function readPattern(reader: SectionReader, index: number, given: Given): Placed<LayerPattern> | undefined {
  const { host, target, context } = given;
  const path = ["patterns", String(index)];
  const parsed = reader.attempt([...path, "host"], "value", () => HostPattern.parse(host));
  if (parsed === undefined) return undefined;
  const { captures } = parsed;
  const template = reader.attempt([...path, "target"], "value", () => parseTargetTemplate(target, captures));
  if (context !== undefined) reader.attempt([...path, "context"], "value", () => checkContextTemplate(context, captures));
  if (template === undefined) return undefined;
  const spoken = { scheme: given.scheme, protocol: readProtocol(reader, path, given), forwarded: given.forwarded };
  const entry = { name: host, pattern: parsed, template, context, ...spoken, tls: readTermination(given) };
  return reader.place([...path, "host"], entry);
}
