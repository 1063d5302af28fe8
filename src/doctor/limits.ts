/** The limits of kt doctor, so that it ends within some 10 s whatever is broken; each with its unit and its reason. */

import { second } from "#base/units.ts";

export const doctorLimits = {
  /** What `kt doctor` waits for, so that it ends within some 10 s whatever is broken: a name, */
  doctorLookupMs: 2 * second,
  /** an API server's first answer, */
  doctorReachMs: 3 * second,
  /** a credential plugin, which has no more time than a person has patience, */
  doctorPluginMs: 6 * second,
  /** and one question to a server or a hub that answers. */
  doctorAskMs: 2 * second,
  /** How long `kt doctor` and `kt explain`, which try every route, wait for a pod that is on its way, */
  routeTryMs: 3 * second,
  /** and how long for all routes together. */
  routesTryMs: 8 * second,
  /** How long a connection to a pod must last to count: a port that nothing listens on refuses it within some milliseconds. */
  routeRefusalMs: 300,
  /** Routes that are tried at once; each opens a session to the API server. */
  routesTriedAtOnce: 32,
  /** Lines of the hub's log that go into a bug report. */
  bundleLogLines: 300,
  /** A relay that has not run after this long is left behind: its image is pulled in this time, or cannot be. */
  relayStartMs: 120 * second,
} as const;
