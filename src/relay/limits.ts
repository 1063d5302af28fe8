/** The limits of a relay in the cluster, each with its unit and its reason. */

import { second } from "#base/units.ts";

export const relayLimits = {
  /** How long a connection to an address may take: a packet that is not answered is sent again after 1, 3 and 7 s. */
  connectMs: 10 * second,
  /**
   * When an address that has not answered is also tried by another connection. Where the node's rules still name a pod that is gone, all
   * packets of one connection go there, but another connection may get one that is ready.
   */
  connectAgainMs: [1 * second, 3 * second],
  /**
   * How long what an address accepted, and the end of a connection whose client has ended, wait to leave with something else. Most answers
   * come at once, and then one message says both.
   */
  lateFrameMs: 2,
  /** A peer that has not said who it is within this time is not kt. */
  helloMs: 10 * second,
  /** Sessions at once: some users with some sessions each. */
  sessions: 256,
  /** How long open connections may go on when the pod is to go; its grace is 30 s. */
  drainMs: 25 * second,
  drainLookMs: 100,
  /** How long making a service as it was is tried, within the pod's grace; how long one try may take, and the pause to the next. */
  giveBackMs: 25 * second,
  giveBackTryMs: 5 * second,
  giveBackPauseMs: 500,
  /** How often it is checked who was heard. */
  tickMs: 1 * second,
} as const;
