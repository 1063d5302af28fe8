/** The limits of a public edge, each with its unit and its reason. */

import { kib, mib, second } from "#base/units.ts";

export const edgeLimits = {
  /** Largest plan that is read: 256 bindings with long names take 100 KB. */
  planBytes: 8 * mib,
  /** How often the plan is looked at without an event: the folder may have been replaced, and then sends none. */
  planLookMs: 2 * second,
  /** How long a port that could not be opened is left alone: what holds it may end at any time. */
  listenAgainMs: 1 * second,
  /** How soon an uplink that is down and answers quickly is asked again: with the usual threshold of 2 it is back after a second. */
  quickProbeMs: 500,
  /** How often both ends of a stream of news send a sign of life. Silence of two such intervals means that the stream is lost. */
  newsLifeMs: 5 * second,
  /** Longest line of news: of 256 keys it has 5 KB. */
  newsLineBytes: 256 * kib,
  /** Uplinks that one connection tries: a client waits for each of them. */
  uplinkTries: 3,
  /** How much longer than its target may take an uplink may take to say so: the way to it and back. */
  answerMarginMs: 250,
  /** How long the peers of a connection that was idle too long may take to close, before it is cut. */
  idleFarewellMs: 1 * second,
  /** Connections to the status page at once, and how long each may take: an answer takes a millisecond. */
  statusConnections: 256,
  statusConnectionMs: 10 * second,
} as const;
