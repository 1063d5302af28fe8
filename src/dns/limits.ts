/** The limits of kt's DNS server; each with its unit and its reason. */

import { kib, second } from "#base/units.ts";

export const dnsLimits = {
  /** How long an address may be remembered: services come and go, and asking again costs nothing here. */
  ttlSeconds: 5,
  /** How long it may be remembered that a name is not there: who waits for a service asks again and again. */
  negativeTtlSeconds: 1,
  /** Questions that are at other servers at once, each with a socket for each of three servers at most; further ones fail at once. */
  forwardedAtOnce: 128,
  /** How long a server has before the next one is asked as well: one that is far away answers within 300 ms. */
  nextServerMs: 1 * second,
  /** How long all servers together have: programs wait for 5 s, and then begin anew. */
  forwardMs: 4 * second,
  /** How long a server that did not answer is asked after the others. */
  silentServerMs: 30 * second,
  /** Name servers of which something is remembered: three are in use at once, and others in other networks. */
  knownServers: 16,
  /** How often a name server of this machine is tried for whether it asks kt, while it is in use; */
  loopCheckMs: 60 * second,
  /** and where it is silent, as one that waits for kt. */
  silentLoopCheckMs: 1 * second,
  /** Connections at once; the one that is idle the longest makes room for the next. */
  connections: 64,
  /** How long a connection without a question stays open (RFC 7766 §6.2.3 says: seconds). */
  idleConnectionMs: 10 * second,
  /** Unanswered questions of one connection; further ones are read when some are answered. */
  questionsPerConnection: 32,
  /** Longest question that is read: one name, and what EDNS adds. */
  queryBytes: 4 * kib,
} as const;
