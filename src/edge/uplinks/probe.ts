/** Asks an uplink once whether it is ready: `GET /ready` of its own page. */

import type { Clock } from "#base/clock.ts";
import { withDeadline } from "#base/deadline.ts";
import { KtError, messageOf } from "#base/errors.ts";
import { systemReason } from "#base/system-error.ts";
import { request } from "#http/client.ts";
import type { UplinkWay } from "./uplink-way.ts";

export interface ProbeResult {
  /** Why it is not ready; empty where it is. */
  readonly problem: string;
  /** It did not answer in time: asking again soon would only add to what waits. */
  readonly isSilent: boolean;
}

/** Never rejects. */
export async function probe(clock: Clock, way: UplinkWay, timeoutMs: number, signal: AbortSignal): Promise<ProbeResult> {
  const late = new KtError("answer-timeout", `no answer within ${timeoutMs / 1000} s`);
  try {
    const { head } = await withDeadline(
      clock,
      timeoutMs,
      signal,
      () => late,
      async (within) => await ask(way, within),
    );
    return { problem: head.status === 200 ? "" : `it answers ${head.status}`, isSilent: false };
  } catch (error) {
    return { problem: error instanceof KtError ? messageOf(error) : systemReason(error), isSilent: error === late };
  }
}

async function ask(way: UplinkWay, signal: AbortSignal): ReturnType<typeof request> {
  const conn = await way.connectPage(signal);
  return await request(conn, { method: "GET", target: "/ready", headers: [["Host", "uplink"]] }, signal);
}
