/** The limits of WireGuard's links. */

import { mib, second } from "#base/units.ts";

export const wireGuardLimits = {
  /** From the start of the program to an answer of its socket: 10 ms on an idle machine, a loaded one takes longer. */
  startMs: 10 * second,
  /** Between two looks whether it answers. */
  startPauseMs: 10,
  /** An answer takes a millisecond. Without a limit a program that was stopped would hold its caller for ever. */
  answerMs: 5 * second,
  /** Longest answer: 253 peers of 500 bytes fit many times. */
  answerBytes: 1 * mib,
  /** Between two looks at the link: what was changed by hand is put right, and endpoints that have moved are remembered. */
  lookMs: 2 * second,
  /** From the edge's side too: a NAT in front of an uplink forgets after 30 s at the earliest. */
  edgeKeepaliveS: 25,
} as const;
