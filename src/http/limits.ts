/** The limits of HTTP over a connection, each with its unit and its reason. */

import { kib, mib, second } from "#base/units.ts";

export const httpLimits = {
  /** Streams that one HTTP/2 connection may have open; what nginx, Go and Envoy allow lies between 100 and 250. */
  h2Streams: 250,
  /** What an HTTP/2 stream may send before its reader took any of it. With `h2Streams` this bounds what readers that stall can hold. */
  h2StreamWindowBytes: 128 * kib,
  /** What the window of a stream grows to while its reader keeps up: enough for 400 Mbit/s at a round trip of 80 ms. */
  h2StreamWindowMaxBytes: 4 * mib,
  /** By how much the windows of one connection's streams may have grown together. */
  h2WindowGrowthBytes: 32 * mib,
  /** The window of a whole HTTP/2 connection. Given back on receipt, so it limits nothing: streams have their own. */
  h2ConnectionWindowBytes: 16 * mib,
  /** Frames other than DATA that may wait for an HTTP/2 peer that does not read. */
  h2PendingBytes: 4 * mib,
  /** What such a list takes from the budget of costly frames: it may cost as much as so many of them. */
  h2OversizedListCost: 50,
  /** Closed streams of one connection on which frames may still arrive, because the peer had not finished with them. */
  h2LateStreams: 1000,
  /** How long a peer that violated HTTP/2 may take to read the reason, before its connection is reset. */
  h2LingerMs: 1 * second,
  /** Frames that only cost work (resets, settings, pings, empty frames): this many at once, and so many more per second. */
  h2CostlyFrames: 2000,
  h2CostlyFramesPerSecond: 1000,
  /** Longest request that our own server reads, and most that may wait behind one whose answer is under way. */
  serverRequestBytes: 1 * mib,
  /** Longest answer to one API request: a page of pods takes some 3 MiB. */
  apiAnswerBytes: 8 * mib,
} as const;
