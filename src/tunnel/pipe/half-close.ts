/**
 * When to pass a client's half-close on to the pod.
 *
 * Container runtimes (containerd's and CRI-O's port-forward) do not half-close their connection to the pod: a second after one
 * direction has ended they close both. Passed on at once, a half-close would cut off every answer that takes longer. So it is
 * held back while an answer is due or under way. A client that has what it wanted looks the same on the wire (a FIN), and is
 * told from the other by whether the last bytes were its own.
 */

import { tunnelLimits } from "#tunnel/limits.ts";

/** Bytes of both directions as far as they matter here; times are of one clock. */
export interface LastBytes {
  /** When the client closed its half. */
  readonly endedMs: number;
  /** When the client last sent something; undefined when it never did. */
  readonly sentMs: number | undefined;
  readonly receivedMs: number | undefined;
}

/** Milliseconds until the half-close may be passed on if nothing else comes; 0 or less: now. Pure. */
export function halfCloseInMs(last: LastBytes, nowMs: number): number {
  const { endedMs, sentMs, receivedMs } = last;
  const answering = receivedMs !== undefined && receivedMs > endedMs;
  const awaiting = sentMs !== undefined && (receivedMs === undefined || receivedMs < sentMs);
  const sinceMs = Math.max(endedMs, receivedMs ?? endedMs);
  return sinceMs + (answering || awaiting ? tunnelLimits.answerPauseMs : tunnelLimits.satisfiedPauseMs) - nowMs;
}
