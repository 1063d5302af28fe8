/** Asks an edge how it does, through the bridge of one of its uplinks' pods. */

import type { Clock } from "#base/clock.ts";
import { withDeadline } from "#base/deadline.ts";
import { KtError } from "#base/errors.ts";
import { formatHostPort } from "#base/hostname.ts";
import { type EdgeStatus, parseEdgeStatus } from "#expose/host/edge-status.ts";
import { requestCut } from "#http/client.ts";
import { connectTcp } from "#net/tcp.ts";
import { operatorLimits } from "#operator/limits.ts";

const bridgePort = 40_600;

/** The text of its status. Rejects with KtError. */
export type AskUplink = (address: string) => Promise<string>;

export function askOverTcp(clock: Clock): AskUplink {
  return async (host) => {
    const timeoutMs = operatorLimits.statusTimeoutMs;
    const place = formatHostPort({ host, port: bridgePort });
    const late = (): KtError => new KtError("cluster-unreachable", `${place} did not answer within ${timeoutMs / 1000} s`);
    return await withDeadline(clock, timeoutMs, undefined, late, async (signal) => {
      const conn = await connectTcp({ host, port: bridgePort, signal });
      const headers = [
        ["Host", place],
        ["Connection", "close"],
      ] as const;
      const { head, body, isCut } = await requestCut(
        conn,
        { method: "GET", target: "/status", headers },
        signal,
        operatorLimits.statusBytes,
      );
      if (head.status === 200 && !isCut) return new TextDecoder().decode(body);
      throw new KtError("cluster-error", `${place} answered ${isCut ? "with too much" : head.status}`);
    });
  };
}

/** The first answer, asking one after the other. Rejects with what the last one failed with. */
export async function readEdge(addresses: readonly string[], ask: AskUplink): Promise<EdgeStatus> {
  let failure: unknown = new KtError("no-ready-pod", "no uplink has an address yet");
  for (const address of addresses) {
    try {
      return parseEdgeStatus(await ask(address));
    } catch (error) {
      failure = error;
    }
  }
  throw failure;
}
