/** [retry]: how often a request that a pod may not have answered is sent again. */

import * as v from "valibot";
import { parseDuration } from "#profile/values/duration.ts";
import type { Placed } from "#profile/values/placed.ts";
import { bySetting, type Section } from "./section.ts";

const shape = v.pipe(
  v.strictObject(
    {
      max: v.optional(
        v.pipe(
          v.number("a number"),
          v.integer("a whole number"),
          v.minValue(0, "0 or more"),
          v.maxValue(10, "10 or less"),
          v.description("How often one request is sent again at most; 0 never. Default: 2."),
          v.examples([2]),
        ),
      ),
      delay: v.optional(
        v.pipe(
          v.string('a duration such as "100ms"'),
          v.description(
            'The pause before a request is sent again. There is none where it was lost on a connection that had been kept from an earlier request. Default: "100ms".',
          ),
          v.examples(["100ms"]),
        ),
      ),
    },
    "a table",
  ),
  v.description(
    "HTTP requests whose connection to the pod is lost before any byte of an answer are sent again, where that does no harm: GET, HEAD, OPTIONS, TRACE, PUT and DELETE, without a body or with a small one that kt still has. A POST, an upgrade such as a WebSocket, and what has begun to be answered are never repeated. `kt status --json` and the metrics count it.",
  ),
);

type Given = v.InferOutput<typeof shape>;

/** Undefined where the file does not say it. */
export type RetrySettings = {
  readonly max: Placed<number> | undefined;
  readonly delayMs: Placed<number> | undefined;
};

/** A client waits no longer than this between two tries. */
const mostDelayMs = 10_000;

export const retry: Section<Given, RetrySettings> = {
  shape,
  read: (reader, given = {}) => {
    const path = ["retry", "delay"];
    const delayMs = reader.setting(path, given.delay, parseDuration);
    const isTooLong = delayMs !== undefined && delayMs.value > mostDelayMs;
    return {
      max: reader.asWritten(["retry", "max"], given.max),
      delayMs: isTooLong ? reader.problem(path, `"${given.delay}" is longer than clients wait`, { hint: "10s or less" }) : delayMs,
    };
  },
  merge: bySetting,
};
