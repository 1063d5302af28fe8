/** The limits of the lookup of names, each with its unit and its reason. */

export const routeLimits = {
  /** Names whose route was looked up by pattern, kept so that the next request for one is a map lookup. */
  recentNames: 1024,
  /** A longer one is not a valid DNS name (253 characters, a dot and a port), and is not kept. */
  recentNameLength: 260,
} as const;
