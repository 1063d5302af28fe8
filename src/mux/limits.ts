/** The limits of a session of streams, each with its unit and its reason. */

export const muxLimits = {
  /** Streams a peer may have open on one session: two for each of its connections, and no client of ours shares that widely. */
  streamsPerSession: 4096,
} as const;
