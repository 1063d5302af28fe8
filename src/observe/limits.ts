/** The limits of events and the journal, each with its unit and its reason. */

import { kib } from "#base/units.ts";

export const observeLimits = {
  /** Dynamic names whose connections are counted one by one. */
  countedNames: 1024,
  /** Longest name in an event: DNS allows 253 characters, clients send what they like. */
  eventNameLength: 256,
  /** Longest text of a problem in an event, which may quote what a client sent. */
  eventTextLength: 4096,
  /** Removed entries of the status that are kept for readers that have not heard of them; one further behind reads all anew. */
  removedEntries: 1024,
  /** Requests kept of each route, */
  requestEntries: 500,
  /** with so much of their methods, hosts and paths together, */
  requestTextBytes: 512,
  /** in pages of so many, or of so much text: 11 KB each. */
  requestPageEntries: 64,
  requestPageTextBytes: 8 * kib,
  /** So many pages for all routes, 11 MB: enough for 125 routes that are in use at once; the oldest pages make room for others. */
  requestPages: 1000,
  /** Of a route's first page: of 500 services that were asked for once, whole ones took 6 MB. */
  firstPageEntries: 8,
  firstPageTextBytes: 1 * kib,
  /** What a route carried in each of the last 600 s, */
  fineRateSteps: 600,
  /** and in each 10 s of the last 6 h: with both a route that was in use all the time takes 28 KB, */
  coarseRateSeconds: 10,
  coarseRateSteps: 2160,
  /** in pages of so many steps, 600 bytes: one that is used now and then has few of them. */
  ratePageSteps: 60,
  /** How long after the end of a second what came in it is looked at. */
  rateTickMs: 20,
  /** Rates are those of the last five seconds: people follow no faster, and single requests do not make them jump. */
  rateWindowSeconds: 5,
  /** Events kept for `kt logs`, and as many again of single connections. */
  journalEntries: 1000,
} as const;
