/** Why a session to a pod is over, in words for users. */

import { KtError } from "#base/errors.ts";
import { muxLimits } from "#mux/limits.ts";

export const serverClosed = (): KtError => new KtError("connection-lost", "the API server closed the session");

export const noPong = (): KtError =>
  new KtError("connection-lost", `the session answered no ping within ${muxLimits.pingTimeoutMs / 1000} s`);

/** For what is begun on a session that is over already. */
export const sessionLost = (): KtError => new KtError("connection-lost", "the session was lost");
