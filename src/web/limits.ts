/** The limits of the hub's own pages, each with its unit and its reason. */

import { kib, second } from "#base/units.ts";

export const webLimits = {
  /** A browser that opens the page takes some seconds to come with its code; an unused code is void after this. */
  signInMs: 60 * second,
  /** Codes that wait at once, and browsers that are signed in: the oldest goes first. */
  signIns: 16,
  sessions: 64,
  /** Clients that are sent events at once: dashboards of one user, and programs of theirs. */
  eventStreams: 64,
  /** Requests are sent to it together, so often: people see no difference, and a thousand a second cost little; */
  requestBatchMs: 200,
  /** and of those that came meanwhile so many, the latest. */
  requestBatch: 200,
  /** How often such a client is sent something where there is nothing to say: proxies close what is silent for a minute. */
  heartbeatMs: 15 * second,
  /** Lines of a pod's log that a client gets first: a screen of them; and how many it may ask for. */
  firstLogLines: 100,
  logLines: 10_000,
  /** Largest body of a request to the API: the largest thing that is sent is the environment of a shell, which may have 2 MiB. */
  requestBodyBytes: 256 * kib,
} as const;
