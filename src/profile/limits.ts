/** The limits of profiles, each with its unit and its reason. */

import { mib, second } from "#base/units.ts";

export const profileLimits = {
  /** Shortest time to live of a jump pod: one that ended before it was seen to be ready would be made again and again. */
  jumpPodTtlMinMs: 5 * second,
  /** How long `kt add` and `kt rm` wait for others that change the same file: each takes milliseconds, unless the disk is slow. */
  fileLockMs: 5 * second,
  /** Largest profile, and largest file that one extends: a thousand routes take 100 KiB. */
  profileBytes: 1 * mib,
  /** Files that make up one profile, with all that they extend. */
  profileFiles: 64,
  /** How deep tables and lists of a profile may stand in each other; its schema has six levels. */
  profileDepth: 32,
  /** Tables, keys and items of a profile together: a thousand routes take as many, and a file is read while others wait for the hub. */
  profileEntries: 20_000,
} as const;
