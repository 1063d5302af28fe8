/** [health]: how often targets in use are checked, and when they count as failing. */

import * as v from "valibot";
import { parseDuration } from "#profile/values/duration.ts";
import type { Placed } from "#profile/values/placed.ts";
import type { SectionReader } from "./reader.ts";
import { bySetting, type Section } from "./section.ts";

const shape = v.pipe(
  v.strictObject(
    {
      enabled: v.optional(
        v.pipe(
          v.boolean("true or false"),
          v.description("Whether targets in use are checked. A target that is not in use is never checked. Default: true."),
        ),
      ),
      interval: v.optional(
        v.pipe(
          v.string('a duration such as "30s"'),
          v.description('Time between two checks of one target, 1s or more. Default: "30s".'),
          v.examples(["30s"]),
        ),
      ),
      timeout: v.optional(
        v.pipe(v.string('a duration such as "2s"'), v.description('How long one check may take. Default: "2s".'), v.examples(["2s"])),
      ),
      failures: v.optional(
        v.pipe(
          v.number("a number"),
          v.integer("a whole number"),
          v.minValue(1, "1 or more"),
          v.maxValue(100, "100 or less"),
          v.description("After so many failed checks in a row the route is shown as failed, until one succeeds. Default: 3."),
          v.examples([3]),
        ),
      ),
    },
    "a table",
  ),
  v.description(
    "Checks of targets in use: a TCP connection through the tunnel, or a GET of the path that a route names with `health`. What they find stands in `kt status`, in the log and in the metrics.",
  ),
);

type Given = v.InferOutput<typeof shape>;

/** Undefined where the file does not say it. */
export type HealthSettings = {
  readonly enabled: Placed<boolean> | undefined;
  readonly intervalMs: Placed<number> | undefined;
  readonly timeoutMs: Placed<number> | undefined;
  readonly failures: Placed<number> | undefined;
};

/** Checks at shorter intervals would be most of what a backend hears. */
const least = {
  interval: { ms: 1000, hint: "1s or more; to check nothing, enabled = false under [health]" },
  timeout: { ms: 1, hint: 'for example timeout = "2s"' },
} as const;

export const health: Section<Given, HealthSettings> = {
  shape,
  read: (reader, given = {}) => ({
    enabled: reader.asWritten(["health", "enabled"], given.enabled),
    intervalMs: readDuration(reader, "interval", given.interval),
    timeoutMs: readDuration(reader, "timeout", given.timeout),
    failures: reader.asWritten(["health", "failures"], given.failures),
  }),
  merge: bySetting,
};

function readDuration(reader: SectionReader, key: "interval" | "timeout", text: string | undefined): Placed<number> | undefined {
  const path = ["health", key];
  const { ms, hint } = least[key];
  const parsed = reader.setting(path, text, parseDuration);
  return parsed === undefined || parsed.value >= ms ? parsed : reader.problem(path, `"${text}" is too short for a check`, { hint });
}
