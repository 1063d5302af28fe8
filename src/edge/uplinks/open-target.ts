/** A connection to a target through the uplinks that serve it: where one cannot, the next one is tried. */

import type { Conn } from "#base/conn.ts";
import { KtError } from "#base/errors.ts";
import type { TargetKey } from "#wire/uplink-frame.ts";
import { edgeLimits } from "#edge/limits.ts";
import type { StreamOutcome } from "./uplink-stream.ts";
import type { UplinkSet } from "./uplink-set.ts";

export interface WantedTarget {
  readonly key: TargetKey;
  /** 0: as long as usual. */
  readonly connectTimeoutMs: number;
}

/**
 * Rejects with KtError `unhealthy` where no uplink serves it, `start-timeout` where the target does not accept in time, and `target-refused`
 * or `target-unreachable`. A target that was waited for is not waited for again.
 */
export async function openTarget(uplinks: UplinkSet, wanted: WantedTarget): Promise<Conn> {
  const { key } = wanted;
  const connectTimeoutMs = wanted.connectTimeoutMs || edgeLimits.connectMs;
  let last = new KtError("unhealthy", "no healthy uplink serves its target");
  for (const uplink of uplinks.inTurn(key).slice(0, edgeLimits.uplinkTries)) {
    const outcome = await uplink.open(key, connectTimeoutMs);
    if (outcome.kind === "opened") return outcome.conn;
    last = failureOf(outcome, uplink.ordinal, connectTimeoutMs);
    if (last.code === "start-timeout") break;
  }
  throw last;
}

function failureOf(outcome: Exclude<StreamOutcome, { kind: "opened" }>, ordinal: number, connectTimeoutMs: number): KtError {
  const where = `uplink ${ordinal}`;
  if (outcome.kind !== "refused") return new KtError("unhealthy", `${where}: ${outcome.problem}`);
  switch (outcome.answer) {
    case "timed-out":
      return new KtError("start-timeout", `the target did not accept ${where} within ${connectTimeoutMs} ms`);
    case "refused":
      return new KtError("target-refused", `the target refused ${where}`);
    case "unreachable":
      return new KtError("target-unreachable", `${where} does not reach the target`);
    case "unknown":
    case "draining":
    case "overloaded":
    case "version":
      return new KtError("unhealthy", `${where} answers "${outcome.answer}"`);
  }
}
