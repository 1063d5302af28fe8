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
  /** Largest file of the CA: a key and two certificates take 3 KB. */
  authorityBytes: 1 * mib,
  /** Largest list of trusted certificates that is copied: those of systems take 250 KB. */
  trustListBytes: 8 * mib,
  /** So long before its end another CA is made where one is asked for: nothing works unnoticed until the last day. */
  renewAuthorityMs: 60 * day,
  /** How often a change of the hosts file is tried anew when another program has changed it meanwhile. */
  hostsAttempts: 10,
  /** Longest list of names that the helper accepts, as JSON: 10,000 services with a dozen names of 60 characters each. */
  namesMessageBytes: 8 * mib,
} as const;
