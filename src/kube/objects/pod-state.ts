/** Says about a pod whether it serves, is on its way or will not come, in the pod's own words. Pure. */

import type { ErrorDetail } from "#base/errors.ts";
import type { ContainerState, Pod } from "./objects.ts";

export type PodState =
  | { readonly kind: "ready" }
  /** `says` continues the sentence "pod NAME …". */
  | { readonly kind: "coming"; readonly says: string; readonly detail?: ErrorDetail }
  | { readonly kind: "stuck"; readonly says: string }
  /** Being deleted, or finished. A controller that makes its successor only afterwards counts as coming. */
  | { readonly kind: "gone"; readonly says: string; readonly detail?: ErrorDetail };

/** Waiting reasons that do not mend themselves within a start timeout. */
const stuckReasons: ReadonlySet<string> = new Set([
  "CrashLoopBackOff",
  "ImagePullBackOff",
  "ErrImagePull",
  "ErrImageNeverPull",
  "InvalidImageName",
  "ImageInspectError",
  "RegistryUnavailable",
  "CreateContainerConfigError",
  "CreateContainerError",
  "RunContainerError",
]);

/** Controllers that create a pod's successor only once the pod is gone. */
const oneAtATime: ReadonlySet<string> = new Set(["StatefulSet", "DaemonSet"]);

export function podState(pod: Pod): PodState {
  if (pod.terminating) return { kind: oneAtATime.has(pod.owner ?? "") ? "coming" : "gone", says: "is terminating", detail: "pod-ended" };
  if (pod.phase === "Succeeded" || pod.phase === "Failed") return { kind: "gone", says: finished(pod), detail: "pod-ended" };
  if (pod.ready === true) return { kind: "ready" };
  if (pod.unschedulable !== undefined) return { kind: "stuck", says: withDetail("is unschedulable", pod.unschedulable) };
  const stuck = stuckContainer(pod);
  if (stuck) return { kind: "stuck", says: withDetail(`is in ${stuck.reason}`, waitingDetail(pod, stuck)) };
  return coming(pod);
}

function stuckContainer(pod: Pod): ContainerState | undefined {
  return pod.containers.find((container) => container.kind === "waiting" && stuckReasons.has(container.reason ?? ""));
}

/** The container that keeps ending, and whether another run of it has begun or is waited for, so that its words are the previous run's. */
export function crashing(pod: Pod): { readonly container: ContainerState; readonly isPrevious: boolean } | undefined {
  const stuck = stuckContainer(pod);
  if (stuck?.reason === "CrashLoopBackOff") return { container: stuck, isPrevious: true };
  const container = stuck ? undefined : crashedContainer(pod);
  return container && { container, isPrevious: false };
}

function crashedContainer(pod: Pod): ContainerState | undefined {
  return pod.containers.find(({ kind, init, reason }) => kind === "terminated" && (!init || reason === "Error"));
}

function finished(pod: Pod): string {
  if (pod.phase === "Succeeded") return "has completed";
  return withDetail(pod.reason === undefined ? "has failed" : `has failed with ${pod.reason}`, pod.message);
}

/** The kubelet repeats the names of pod and container, with its id, at the end of a back-off; the message names the pod already. */
function waitingDetail(pod: Pod, container: ContainerState): string | undefined {
  const message = container.message?.replace(/ container=\S+ pod=\S+$/, "");
  const several = pod.containers.length > 1 ? `container "${container.name}"` : undefined;
  const ended = container.reason === "CrashLoopBackOff" ? exitOf(container) : undefined;
  return [several, ended, message].filter((part) => part !== undefined && part !== "").join(": ");
}

function coming(pod: Pod): PodState {
  const says = unstarted(pod);
  if (says !== undefined) return { kind: "coming", says, ...(crashedContainer(pod) && { detail: "pod-ended" }) };
  return { kind: "coming", says: withDetail("is running but not ready", pod.readyMessage), detail: "running-not-ready" };
}

/** What it has still to do before it runs. */
function unstarted(pod: Pod): string | undefined {
  if (pod.phase === "Pending" && pod.containers.length === 0) return "is waiting for a node";
  const crashed = crashedContainer(pod);
  if (crashed)
    return withDetail(`restarts its container "${crashed.name}", which ended with ${crashed.reason ?? "an error"}`, exitOf(crashed));
  const init = pod.containers.find(({ init: isInit, kind }) => isInit && kind === "running");
  const waiting = pod.containers.find(({ kind }) => kind === "waiting");
  if (init && waiting) return `is starting: init container "${init.name}" is running`;
  return waiting && `is starting: ${waiting.reason ?? "waiting"}`;
}

function exitOf({ exitCode }: ContainerState): string | undefined {
  return exitCode === undefined ? undefined : `exit code ${exitCode}`;
}

function withDetail(says: string, detail: string | undefined): string {
  return detail === undefined || detail === "" ? says : `${says} (${detail})`;
}
