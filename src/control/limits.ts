/** The limits of the control socket, each with its unit and its reason. */

import { kib, mib, second } from "#base/units.ts";

export const controlLimits = {
  /** How long a hub that took the connection may take to say hello: one that was stopped never does. */
  hubGreetMs: 10 * second,
  /** Requests of one client that are taken in one turn of the event loop: a turn then takes some milliseconds at most; */
  controlLinesPerTurn: 16,
  /** and so many of them may be under way. */
  controlRequestsAtOnce: 64,
  /** Parts of the status in one message: some 60 KB of routes, which take the hub a fraction of a millisecond; */
  statusPartsPerMessage: 250,
  /** Longest piece of a text in one message: the metrics of a thousand routes are some megabytes. */
  textPieceChars: 256 * kib,
  /** Of a request that is sent again: longer than any path that is kept, with a query; and what people write into a form. */
  replayPathChars: 4 * kib,
  replayBodyChars: 64 * kib,
  /** Largest message on the control socket. */
  controlMessageBytes: 4 * mib,
} as const;
