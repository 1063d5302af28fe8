/** [contexts]: short names of contexts. */

import * as v from "valibot";
import { isLabel } from "#route/pod-source-text.ts";
import type { Placed } from "#profile/values/placed.ts";
import { byKey, type Section } from "./section.ts";

const shape = v.pipe(
  v.record(v.string(), v.string("the name of a context"), "a table of short names"),
  v.description("Short names of contexts, for wherever a context is named: one that cannot stand in a hostname needs it."),
  v.examples([{ prod: "arn:aws:eks:eu-west-1:123456789012:cluster/prod" }]),
);

export const contexts: Section<v.InferOutput<typeof shape>, ReadonlyMap<string, Placed<string>>> = {
  shape,
  read(reader, given = {}) {
    const read = new Map<string, Placed<string>>();
    for (const [name, context] of Object.entries(given)) {
      const path = ["contexts", name];
      if (isLabel(name)) read.set(name, reader.place(path, context));
      else {
        const hint = "lower case letters, digits and dashes: it stands in hostnames";
        reader.problem(path, `"${name}" cannot be the short name of a context`, { at: "key", hint });
      }
    }
    return read;
  },
  merge: byKey,
};
