/** The limits of the operator, each with its unit and its reason. */

import { kib, second } from "#base/units.ts";

export const operatorLimits = {
  /** How long changes are collected before a host is changed: `kubectl apply` of a folder is one change. */
  settleMs: 100,
  /** How often a host is compared with what it should have when nothing changes: what was removed by hand is back by then. */
  resyncMs: 30 * second,
  /** The longest pause between tries at a host that fails, and how soon a change may end one. */
  retryMaxMs: 60 * second,
  retryLeastMs: 500,
  /** How often an edge is asked how it does while something is on its way, */
  busyPollMs: 500,
  /** and how often while all is as wanted. */
  calmPollMs: 5 * second,
  /** How long an edge may take to say how it does. */
  statusTimeoutMs: 2 * second,
  /** Longest status of an edge: 253 uplinks and a thousand bindings take 300 kB. */
  statusBytes: 4096 * kib,
  /** How long an uplink may take to serve a document before its pod is poked once more: its node may have been read too early. */
  pokeAgainMs: 2 * second,
  /** How often at most for one document: then it is not the node's reading that keeps it from serving. */
  pokes: 5,
  /** How long an uplink drains that has others beside it, and one that has none: while it drains nothing new is served. */
  graceS: 600,
  graceAloneS: 30,
  /** How long a lease lasts for others, how often it is renewed, and when a leader stops that could not: before others may begin. */
  leaseMs: 15 * second,
  leaseRenewMs: 2 * second,
  leaseGiveUpMs: 10 * second,
  /** How long one request about the lease may take. */
  leaseRequestMs: 5 * second,
  /** How often a follower of logs looks for pods that are new. */
  newPodsMs: 2 * second,
  /** A repeated event is counted at most this often. */
  eventRepeatMs: 10 * second,
  /** Events that are remembered to be counted. */
  eventsKept: 1000,
} as const;
