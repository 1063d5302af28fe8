/** How a tunnel stands: one pure function from what is known of it to the state that users see. */

import type { ErrorDetail } from "#base/errors.ts";
import type { Problem, TunnelPhase } from "#observe/events.ts";

/** A problem, and since when it is one; times of day in milliseconds since 1970. */
export interface TimedProblem extends Problem {
  readonly sinceMs: number;
  readonly detail?: ErrorDetail | undefined;
}

/** What is known of the pods behind the target. */
export type EndpointsView =
  | { readonly kind: "unknown" }
  | { readonly kind: "ready"; readonly pods: readonly string[]; readonly sinceMs: number }
  /** None is ready; with `coming` one is on its way. */
  | { readonly kind: "coming" | "none" | "failed"; readonly problem: TimedProblem };

export interface TunnelFacts {
  readonly phase: TunnelPhase;
  readonly view: EndpointsView;
  /** Why no request to the API server can succeed now. */
  readonly clusterProblem: TimedProblem | undefined;
  /** The problem of the latest connection, unless it is over: a later one succeeded, or there are other pods. */
  readonly dialProblem: TimedProblem | undefined;
  /** The checks of the target fail. */
  readonly healthProblem: TimedProblem | undefined;
  /** The pod that the latest connection went to. */
  readonly lastPod: string | undefined;
  /** Connections in use, and those that wait for a pod. */
  readonly openConnections: number;
  /** kt makes the pod behind it: that there is none yet is not a problem. */
  readonly makesPod: boolean;
}

export type Standing =
  /** It was not used, or not for long: nothing is watched. */
  | { readonly state: "idle" }
  | { readonly state: "starting"; readonly problem: TimedProblem | undefined }
  /** A new connection would be answered by one of `pods`; `pod` is the one that had the latest, while it is among them. */
  | { readonly state: "running"; readonly pod: string | undefined; readonly pods: readonly string[]; readonly sinceMs: number }
  | { readonly state: "stopping" }
  | { readonly state: "failed"; readonly problem: TimedProblem; readonly pods: readonly string[] };

export function standingOf(facts: TunnelFacts): Standing {
  const { phase, clusterProblem, dialProblem } = facts;
  if (phase === "stopping") return { state: phase };
  if (phase === "idle") return dialProblem ? failed(dialProblem) : { state: phase };
  return clusterProblem ? failed(clusterProblem) : byEndpoints(facts);
}

/** The problem, if there is one. */
export function problemOf(standing: Standing | undefined): TimedProblem | undefined {
  return standing && "problem" in standing ? standing.problem : undefined;
}

function byEndpoints(facts: TunnelFacts): Standing {
  const { view, dialProblem } = facts;
  if (view.kind === "unknown") return dialProblem ? failed(dialProblem) : { state: "starting", problem: undefined };
  if (view.kind === "ready") return byPods(facts, view);
  if (facts.makesPod && view.kind !== "failed") return byOwnPod(facts);
  return view.kind === "coming" ? { state: "starting", problem: view.problem } : failed(view.problem);
}

function byPods(
  { dialProblem, healthProblem, lastPod }: TunnelFacts,
  { pods, sinceMs }: Extract<EndpointsView, { kind: "ready" }>,
): Standing {
  const problem = dialProblem ?? healthProblem;
  if (problem) return { state: "failed", problem, pods };
  const pod = lastPod !== undefined && pods.includes(lastPod) ? lastPod : pods[0];
  return { state: "running", pod, pods, sinceMs };
}

/** A pod that kt makes is on its way only while a connection waits for it. */
function byOwnPod({ openConnections, dialProblem }: TunnelFacts): Standing {
  if (openConnections > 0) return { state: "starting", problem: dialProblem };
  return dialProblem ? failed(dialProblem) : { state: "idle" };
}

const failed = (problem: TimedProblem): Standing => ({ state: "failed", problem, pods: [] });
