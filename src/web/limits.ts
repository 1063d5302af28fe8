/** The limits of the hub's own pages, each with its unit and its reason. */

import { second } from "#base/units.ts";

export const webLimits = {
  /** A browser that opens the page takes some seconds to come with its code; an unused code is void after this. */
  signInMs: 60 * second,
  /** Codes that wait at once, and browsers that are signed in: the oldest goes first. */
  signIns: 16,
  sessions: 64,
} as const;
