/** How long to wait before a list, a watch or a service that failed is asked for again. */

import type { PauseOptions } from "#base/backoff.ts";
import { isAbout } from "#base/error-facts.ts";
import type { KtError } from "#base/errors.ts";
import { sharedLimits } from "#base/limits.ts";
import type { Api } from "#kube/api/api.ts";
import { kubeLimits } from "#kube/limits.ts";

/** Longer where the cluster refuses us: asking a credential plugin again and again may open a browser window each time. */
export function retryPause(problem: KtError, { heldMs }: Pick<Api, "heldMs">): PauseOptions {
  return isAbout(problem.code, "login", "permission")
    ? { heldMs, maxMs: kubeLimits.credentialsBackoffMaxMs, leastMs: kubeLimits.refusedRetryMs }
    : { heldMs, maxMs: sharedLimits.backoffMaxMs, leastMs: 0 };
}
