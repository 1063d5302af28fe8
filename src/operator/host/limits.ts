/** The limits of what is done on the host of an edge, each with its unit and its reason. */

import { second } from "#base/units.ts";

export const hostLimits = {
  /** How long the binary may travel: 56 MB take 3 s on a fast line, and 7.5 min at 1 Mbit/s. */
  pushMs: 600 * second,
  /** Until what was started is up: WireGuard's link 0.3 s after its unit, and systemd tries again each second. */
  settleMs: 10 * second,
  /** Until the proxy of achetronic/tunnel has ended: systemd kills it after 90 s. */
  takeOverMs: 120 * second,
  /** Of its journal, where a unit does not stay up. */
  journalLines: 3,
} as const;
