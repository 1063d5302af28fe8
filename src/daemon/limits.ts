/** The limits of the hub: profiles, names, descriptors, listening, status; each with its unit and its reason. */

import { kib, mib, second } from "#base/units.ts";

export const daemonLimits = {
  /** Largest record of a consent: a clause for each of the facts. */
  consentRecordBytes: 1 * mib,
  /** The hub ends this long after its last profile. */
  hubLingerMs: 2 * second,
  /** Names that no profile has and that may be tried at once, as many as a namespace has services; */
  newNames: 500,
  /** so many more per second, for those that lead nowhere: more than people and their programs mistype; */
  newNamesPerSecond: 20,
  /** and so many may wait for that: the last one for 25 s, less than it may wait for a pod. */
  newNamesWaiting: 500,
  /** The pages of kt's own code are given back this long after the start, when what is attached has been read, */
  firstLeanMs: 1 * second,
  /** and at last so often: it takes a tenth of a millisecond, and reading in again what is needed about one. */
  mostLeanMs: 60 * second,
  /** How often the hub looks for what `kt setup` may have changed, and tries again what its helper could not do. */
  setupCheckMs: 2 * second,
  /** How often the hub looks whether its lock and socket are still there. */
  identityCheckMs: 2 * second,
  /** Descriptors that no client gets, for what the hub itself needs: requests, watches, commands, its log. At most a quarter of all. */
  reservedDescriptors: 64,
  /** How long a count of the open descriptors holds. */
  descriptorLookMs: 1 * second,
  /** Refusals are over when none came for so long; then their number is reported. */
  overloadQuietMs: 5 * second,
  /** The cluster code and the kubeconfig are read this long after a profile was attached, so that it is first listened. */
  prepareDelayMs: 2,
  /** How long a connection through `kt forward` waits for a pod that is on its way, as profiles have it by default. */
  forwardStartMs: 30 * second,
  /** How long a request that is sent again may take as a whole, */
  replayMs: 30 * second,
  /** and how much of its body is read: what people look at. */
  replayedBodyBytes: 128 * kib,
  /** How long `kt up` waits for the hub it started: a loaded machine may take seconds. */
  hubStartMs: 10 * second,
  /** The hub's log file is cut to one old generation at this size. */
  hubLogBytes: 1 * mib,
  /** How long a client that attaches waits for the first lists of services: they take milliseconds, or the cluster does not answer. */
  forwardListMs: 3 * second,
  /** How often a cluster of [[forward]] that could not be opened is tried again: its kubeconfig may have been mended. */
  forwardRetryMs: 5 * second,
  /** How long services are followed after a client of the proxy asked for one by its address: it may ask again. */
  addressesKnownMs: 300 * second,
  /** How often a port that was taken is tried again. */
  portRetryMs: 2 * second,
  /** How often the wall clock is held against the monotonic one. */
  clockCheckMs: 2 * second,
  /** A difference between the clocks that means the machine slept. */
  sleepJumpMs: 5 * second,
  /** Changes of the status are gathered for so long before watchers get them: people follow no faster. */
  statusPauseMs: 100,
  /** Longest line of a pod's log that is sent, as long as people read; the rest is counted. */
  podLogLineBytes: 4 * kib,
  /** Latest lines of a pod's log that come first, at most: they fit the messages that may wait for a reader. */
  podLogLines: 1000,
  /** How often the addresses of an exposed profile are looked up while a client watches. */
  networkLookMs: 5 * second,
  /** What another hub that has a port may take to say for which profile: the answer is on this machine. */
  holderAskMs: 1 * second,
  /** How long a port of this machine may take to accept, where it is asked whether it does. */
  localProbeMs: 1 * second,
  /** How often the relays of services that lead to this machine hear of it, or are found to be silent. */
  reverseTickMs: 1 * second,
} as const;
