/** The limits of what kt has on this machine; each with its unit and its reason. */

import { day, mib } from "#base/units.ts";

export const hostLimits = {
  /** How long an address is kept for a service that is not there: longer than a holiday. */
  addressMemoryMs: 60 * day,
  /** Largest file of remembered addresses: some 100 bytes for each of ten thousand. */
  addressFileBytes: 4 * mib,
  /** Blocks of addresses that are tried for one service while other programs listen on all of theirs. */
  addressBlocksTried: 64,
  /** How long a look at what programs listen at holds: as long as it takes to claim the addresses of a thousand services. */
  listenersFreshMs: 100,
  /** Changes of addresses are collected for this long before they are written. */
  addressWriteMs: 200,
} as const;
