/** The limits that several rooms share, each with its unit and its reason; what one room alone needs stands in its own limits.ts. */

import { kib, mib, second } from "#base/units.ts";

export const sharedLimits = {
  /** Longest text we keep from an error stream. */
  errorTextBytes: 64 * kib,
  /** What a client sent before the pod's first byte is kept up to this size, to be sent again to another pod when the first refuses. */
  replayBytes: 64 * kib,
  /** Longest time for one API request that is not a watch. */
  apiRequestTimeoutMs: 15 * second,
  /** Longest message or hint of an error that is shown: more is not read, and it is looked over for secrets. */
  errorMessageChars: 8 * kib,
  /** Largest kubeconfig, certificate or token file: kubeconfigs with hundreds of clusters take 1 MiB. */
  kubeconfigBytes: 8 * mib,
  /** First pause between tries, doubling up to `backoffMaxMs`. */
  backoffMinMs: 100,
  backoffMaxMs: 10 * second,
  /** By what part a pause is shorter by chance, so that what failed together does not come back together. */
  backoffJitter: 0.25,
  /** How long open connections may go on after SIGTERM. */
  drainMs: 5 * second,
  /** Largest payload of a datagram over IPv4: 65,535 bytes without the headers of IP (20) and UDP (8). */
  datagramBytes: 65_507,
  /** Datagrams that wait while a flow is being opened: clients send again after a second or more, so few are still wanted by then; */
  waitingDatagrams: 64,
  /** and their bytes together: a few of the largest. */
  waitingDatagramBytes: 256 * kib,
} as const;
