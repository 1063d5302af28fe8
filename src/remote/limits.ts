/** The limits of SSH to a host, each with its unit and its reason. */

import { kib, mib, second } from "#base/units.ts";

export const remoteLimits = {
  /** Until the host has answered and accepted the login, where no other time is given: EdgeNode's default. */
  connectMs: 30 * second,
  /** How long a command may take: each of them looks at, or writes, a few files. */
  commandMs: 20 * second,
  /** How much later than that the host ends it by itself. */
  hostGraceMs: 2 * second,
  /** How often a silent host is asked for a sign of life, */
  keepAliveMs: 5 * second,
  /** and how many may stay unanswered: packets are then dropped somewhere on the way. */
  unansweredKeepAlives: 2,
  /** Longest output of one command that is read: a list of a thousand listening sockets takes 200 kB. */
  outputBytes: 1 * mib,
  /** Longest known-hosts file and longest key: a Secret holds no more than 1 MiB. */
  credentialBytes: 1 * mib,
  /** How often a key's passphrase may be hashed: ssh-keygen's 16 to 24 take 1 to 2 s, and nothing else is done meanwhile. */
  keyRounds: 128,
  /** The same of keys in PKCS#8, whose rounds are far shorter: ssh-keygen and openssl write 2,048 to 600,000, and this many take about 2 s. */
  pkcs8Rounds: 10_000_000,
  /** What two versions of kt take beside each other during an upgrade: 115 MB each. */
  diskBytes: 250 * mib,
  /** By how much the clocks may differ: certificates are valid from a minute before they were made. */
  clockSkewMs: 60 * second,
  /** Shown of what a host says: its words are a stranger's. */
  quotedChars: 1 * kib,
} as const;
