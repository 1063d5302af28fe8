/** What the cluster says about the container that a command was meant for, in words for users. */

import { KtError } from "#base/errors.ts";
import type { StatusError } from "#kube/api/api-problem.ts";

/** Whether a refusal is about the container: no other way of asking would help. */
export const isAboutContainer = (words: string): boolean => isUnnamed(words) || isUnknown(words) || isNotRunning(words);

/** The pod has several, and none was named. */
export const isUnnamed = (words: string): boolean => /container name must be specified/.test(words);

const isUnknown = (words: string): boolean => /container \S+ is not valid for pod/.test(words);
const isNotRunning = (words: string): boolean => /container not found \(|container is not (created or )?running/i.test(words);

/** The error for such a refusal; `containers` are those of the pod, as far as they are known. */
export function containerProblem(cause: StatusError, pod: string, container: string | undefined, containers: readonly string[]): KtError {
  if (isNotRunning(cause.words)) {
    const which = container === undefined ? "its container" : `its container "${container}"`;
    return new KtError("no-ready-pod", `pod "${pod}" is there, but ${which} does not run`, { cause });
  }
  const hints = containers.length === 0 ? [] : [`its containers are: ${containers.join(", ")}`];
  return new KtError("container-not-found", `pod "${pod}" has no container "${container ?? ""}"`, { hints, cause });
}
