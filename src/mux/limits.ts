/** The limits of a session of streams, each with its unit and its reason. */

import { kib, mib, second } from "#base/units.ts";

export const muxLimits = {
  /** Streams a peer may have open on one session: two for each of its connections, and no client of ours shares that widely. */
  streamsPerSession: 4096,
  /** A peer that has been silent for this long is pinged. With the time for its answer and two ticks, a death is noticed within 15 s. */
  pingIntervalMs: 2 * second,
  /** A peer that answers no ping within this time is dead. */
  pingTimeoutMs: 10 * second,
  /** The same as `pingIntervalMs` while one of the peer's workers is blocked, for each ping that waits there. */
  blockedPingIntervalMs: 30 * second,
  /** How long the peer's workers may take to prove that none is blocked; the answers need one round trip. */
  proofMs: 2 * second,
  /** A silence may come from a program that does not read only after more than this was sent: less fits the buffers on the way. */
  unreadBytes: 256 * kib,
  /** A program's socket takes this much whether the program reads or not, with any usual system. */
  socketBytes: 16 * kib,
  /**
   * The largest DATA frame we send. spdystream allocates each frame whole and passes it on only when it is complete, so larger
   * ones add latency; smaller ones cost it more reads. Uploads measured fastest at this size.
   */
  dataFrameBytes: 128 * kib,
  /** Output from this size on is passed on by reference; copying smaller pieces costs less than another write. */
  byReferenceBytes: 8 * kib,
  /** The same in a session with a relay, whose messages pass through more hops: a write more costs each of them something. */
  relayByReferenceBytes: 64 * kib,
  /** Smaller pieces of output are collected in blocks of at least this size. */
  blockBytes: 4 * kib,
  /** Streams on one session with a relay. Each may hold 64 KiB for a reader that does not read. */
  relayStreams: 10_000,
  /** What the windows of such a session may grow by together: so much more is held at most if all their readers stop at once. */
  windowBudgetBytes: 32 * mib,
  /** The largest window: 40 MB/s on a way of 50 ms. */
  largestWindowBytes: 2 * mib,
  /** How much one stream sends before the next has its turn, where several wait: large ones must not keep small ones waiting. */
  turnBytes: 64 * kib,
  /** Output of one turn of the event loop that leaves before its end: a larger copy would only cost memory. */
  flushBytes: 256 * kib,
  /** Frames that wait for a peer which reads nothing, data aside: an honest one is never asked for so many answers. */
  unreadFramesBytes: 4 * mib,
  /** Datagrams of a session wait in at most this much; what finds no room is dropped, as on any network. */
  waitingDatagramBytes: 1 * mib,
} as const;
