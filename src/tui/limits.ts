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
  /** Longest filter: names have no more characters (RFC 1035 §2.3.4). */
  filterCharacters: 253,
  /** Changes of the status are drawn together for so long; a key is drawn at once. */
  drawPauseMs: 30,
  /** How long a message about what was done stays. */
  noticeMs: 4 * second,
  /** Lines of a log that are kept to scroll back to; a screen has at most some hundred. */
  logLines: 5000,
  /** Lines of what a container wrote before, that come first. */
  podLogLines: 200,
  /** Requests, and events, of a route that its detail shows. */
  detailEntries: 100,
  /** How often the pods and requests of the route in the detail are read: what makes one crash is seen soon. */
  podsReadMs: 1 * second,
  /** How often rates of routes in the window are read while they carry something: they are sampled once a second. */
  sparksMs: 1 * second,
  /** Seconds of them. */
  sparkSteps: 60,
  /** How soon a log that cannot be followed is tried again: a container that starts takes some seconds. */
  feedRetryMs: 1 * second,
  /** How often a hub that has gone is looked for: a user who starts one should see it soon. */
  hubRetryMs: 1 * second,
} as const;
