/** The limits of the full-screen view, each with its unit and its reason. */

import { kib, second } from "#base/units.ts";

export const tuiLimits = {
  /** A smaller window has no room for a route and its address. */
  leastColumns: 40,
  leastRows: 8,
  /** An Escape that nothing follows for so long is the key itself: a terminal sends a sequence in one piece, an ssh in two at times. */
  escapeMs: 40,
  /** Longest sequence of a key; what is longer is not one. */
  keySequenceBytes: 64,
  /** Longest text that is pasted into a filter; no name is longer. */
  pastedBytes: 1 * kib,
  /** Changes of the status are drawn together for so long; a key is drawn at once. */
  drawPauseMs: 30,
  /** How long a message about what was done stays. */
  noticeMs: 4 * second,
  /** How often a hub that has gone is looked for: a user who starts one should see it soon. */
  hubRetryMs: 1 * second,
} as const;
