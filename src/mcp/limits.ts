/** The limits of what agents get, each with its unit and its reason. */

import { kib } from "#base/units.ts";

export const mcpLimits = {
  /** Largest list in one answer: about what an agent reads without losing the thread. What did not fit is counted. */
  listBytes: 64 * kib,
  /** Longest text in an answer, which a cluster or a client may have written. */
  textChars: 4 * kib,
  /** Services, requests, events and lines of a log that one call may ask for, and what it gets where it says nothing. */
  services: 500,
  usualServices: 100,
  requests: 500,
  usualRequests: 50,
  events: 1000,
  usualEvents: 100,
  logLines: 1000,
  usualLogLines: 100,
  /** Calls that run at once: each asks the hub over a connection of its own. The rest queue. */
  callsAtOnce: 16,
  /** Clients that listen for changes at once. */
  subscriptions: 16,
  /** Largest profile that is given as a resource. */
  profileBytes: 256 * kib,
  /** Largest message of an agent: a call has a few names. */
  messageBytes: 256 * kib,
} as const;
