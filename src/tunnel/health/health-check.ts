/** How a target is checked, and what the checks have found. */

import type { Conn } from "#base/conn.ts";

/** Resolves when the backend at the other end is well, and rejects with KtError when it is not. The Conn is the probe's own. */
export type Probe = (conn: Conn, signal: AbortSignal) => Promise<void>;

export interface HealthCheck {
  readonly intervalMs: number;
  /** Of one check, from the choice of a pod to the end of the probe. */
  readonly timeoutMs: number;
  /** So many failed checks in a row make a problem. */
  readonly failures: number;
  readonly probe: Probe;
}

export interface HealthStatus {
  /** Time of day of the latest check, in milliseconds since 1970. */
  readonly checkedMs: number;
  /** Checks that failed since the latest one that did not. */
  readonly failedInARow: number;
}
