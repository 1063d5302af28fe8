/** What the cluster says about the container that a command was meant for, in words for people. */

import { KtError } from "#base/errors.ts";

/** Whether a refusal is about the container: no other way of asking would help. */
export const isAboutContainer = (message: string): boolean => isUnnamed(message) || isUnknown(message) || isNotRunning(message);

/** The pod has several, and none was named. */
export const isUnnamed = (message: string): boolean => /container name must be specified/.test(message);

const isUnknown = (message: string): boolean => /container \S+ is not valid for pod/.test(message);
const isNotRunning = (message: string): boolean => /container not found \(|container is not (created or )?running/i.test(message);

/** The error for such a refusal; `containers` are those of the pod, as far as they are known. */
export function containerProblem(cause: KtError, pod: string, container: string | undefined, containers: readonly string[]): KtError {
  if (isNotRunning(cause.message)) {
    const which = container === undefined ? "its container" : `its container "${container}"`;
    return new KtError("no-ready-pod", `pod "${pod}" is there, but ${which} does not run`, { cause });
  }
  const hints = containers.length === 0 ? [] : [`its containers are: ${containers.join(", ")}`];
  return new KtError("container-not-found", `pod "${pod}" has no container "${container ?? ""}"`, { hints, cause });
}
