/** Connects to a target, and says in the words of the protocol why that could not be done. */

import type { Clock } from "#base/clock.ts";
import type { Conn } from "#base/conn.ts";
import { withDeadline } from "#base/deadline.ts";
import { KtError } from "#base/errors.ts";
import { systemCode } from "#base/system-error.ts";
import type { connectTcp } from "#net/tcp.ts";
import type { UplinkAnswer } from "#wire/uplink-frame.ts";
import { uplinkLimits } from "#uplink/limits.ts";

/** By the system's code of what went wrong; any other is `unreachable`. */
const answers: Readonly<Record<string, UplinkAnswer>> = {
  ECONNREFUSED: "refused",
  ECONNRESET: "refused",
  ETIMEDOUT: "timed-out",
  EMFILE: "overloaded",
  ENFILE: "overloaded",
};

export interface DialOptions {
  readonly address: string;
  readonly port: number;
  /** 0 where the edge sets none. */
  readonly timeoutMs: number;
  /** Aborts when nothing waits for the connection any more. */
  readonly signal: AbortSignal;
  readonly clock: Clock;
  readonly connect: typeof connectTcp;
  /** Called once the system has let go of the attempt, perhaps long after. */
  readonly onOver: () => void;
}

/** A Conn, or why there is none. Never rejects. */
export async function dialTarget({ address, port, timeoutMs, signal, clock, connect, onOver }: DialOptions): Promise<Conn | UplinkAnswer> {
  const late = new KtError("target-unreachable", `connect to ${address}: timed out`);
  try {
    const forMs = timeoutMs || uplinkLimits.connectMs;
    return await withDeadline(
      clock,
      forMs,
      signal,
      () => late,
      (inner) => connect({ host: address, port, signal: inner, onOver }),
    );
  } catch (error) {
    return error === late ? "timed-out" : (answers[systemCode(error) ?? ""] ?? "unreachable");
  }
}
