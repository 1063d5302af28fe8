/** The probe that needs no protocol: whether the connection is refused. */

import type { Conn } from "#base/conn.ts";
import type { KtError } from "#base/errors.ts";
import type { Clock } from "#base/clock.ts";
import { tunnelLimits } from "#tunnel/limits.ts";
import type { Probe } from "./health-check.ts";

/**
 * Nothing is sent, since no protocol is known. A node says that a port refuses, and nothing where it does not: silence for a moment is
 * a connection.
 */
export function tcpProbe(clock: Clock): Probe {
  return (conn, signal) =>
    new Promise((resolve, reject) => {
      const settle = (error: unknown): void => {
        cancel();
        signal.removeEventListener("abort", onAbort);
        conn.abort();
        if (error === undefined) resolve();
        else reject(error);
      };
      const onAbort = (): void => settle(signal.reason);
      const cancel = clock.after(tunnelLimits.healthSilenceMs, () => settle(undefined));
      if (signal.aborted) return onAbort();
      signal.addEventListener("abort", onAbort, { once: true });
      start(conn, settle);
    });
}

function start(conn: Conn, settle: (error: KtError | undefined) => void): void {
  conn.start({
    onData: () => settle(undefined),
    onEnd: () => settle(undefined),
    onDrain() {},
    onClose: settle,
  });
}
