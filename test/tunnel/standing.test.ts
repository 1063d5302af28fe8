/** The state that people are shown, as a table of what is known. */

import { expect, test } from "bun:test";
import type { ErrorCode } from "#base/error-facts.ts";
import { type EndpointsView, standingOf, type TimedProblem, type TunnelFacts } from "#tunnel/standing.ts";

const problem = (code: ErrorCode): TimedProblem => ({ code, message: "it is so", hints: [], sinceMs: 5 });
const ready: EndpointsView = { kind: "ready", pods: ["a", "b"], sinceMs: 7 };
const coming: EndpointsView = { kind: "coming", problem: problem("no-ready-pod") };
const none: EndpointsView = { kind: "none", problem: problem("service-not-found") };
const failed: EndpointsView = { kind: "failed", problem: problem("forbidden") };

const quiet: TunnelFacts = {
  phase: "running",
  view: { kind: "unknown" },
  clusterProblem: undefined,
  dialProblem: undefined,
  healthProblem: undefined,
  lastPod: undefined,
  openConnections: 0,
  makesPod: false,
};

/** The state, what is shown with it, and the code of the problem. */
function said(facts: Partial<TunnelFacts>): string {
  const standing = standingOf({ ...quiet, ...facts });
  const pod = "pod" in standing ? ` ${standing.pod} of ${standing.pods.join(",")}` : "";
  return `${standing.state}${pod}${"problem" in standing && standing.problem ? ` ${standing.problem.code}` : ""}`;
}

test.each<readonly [string, Partial<TunnelFacts>, string]>([
  ["not used", { phase: "idle" }, "idle"],
  ["could not begin", { phase: "idle", dialProblem: problem("context-unknown") }, "failed context-unknown"],
  ["has just been asked for", { phase: "starting", openConnections: 1 }, "starting"],
  ["got no answer from the cluster", { phase: "starting", dialProblem: problem("start-timeout") }, "failed start-timeout"],
  ["has ready pods and no connection yet", { phase: "starting", view: ready }, "running a of a,b"],
  ["has the pod of the latest connection", { view: ready, lastPod: "b" }, "running b of a,b"],
  ["has other pods than the latest connection's", { view: ready, lastPod: "gone" }, "running a of a,b"],
  ["carried bytes and has no pod now", { view: none, lastPod: "gone", openConnections: 3 }, "failed service-not-found"],
  ["carried bytes and has a pod on its way", { view: coming, lastPod: "gone" }, "starting no-ready-pod"],
  ["lost a permission", { view: failed }, "failed forbidden"],
  ["has pods that refuse", { view: ready, dialProblem: problem("port-refused") }, "failed port-refused"],
  ["has pods that fail their checks", { view: ready, healthProblem: problem("unhealthy") }, "failed unhealthy"],
  [
    "has pods that refuse and fail",
    { view: ready, dialProblem: problem("port-refused"), healthProblem: problem("unhealthy") },
    "failed port-refused",
  ],
  ["has a pod on its way after others that failed", { view: coming, healthProblem: problem("unhealthy") }, "starting no-ready-pod"],
  ["knows better than its latest connection", { view: coming, dialProblem: problem("start-timeout") }, "starting no-ready-pod"],
  ["has a cluster that does not answer", { view: ready, clusterProblem: problem("cluster-unreachable") }, "failed cluster-unreachable"],
  ["asks a cluster that does not answer", { clusterProblem: problem("cluster-unreachable") }, "failed cluster-unreachable"],
  ["ends", { phase: "stopping", view: ready }, "stopping"],
  ["makes its pod when used", { view: none, makesPod: true }, "idle"],
  ["makes its pod now", { view: none, makesPod: true, openConnections: 1 }, "starting"],
  ["makes its pod, which comes", { view: coming, makesPod: true, openConnections: 1 }, "starting"],
  ["could not make its pod", { view: none, makesPod: true, dialProblem: problem("jump-pod-failed") }, "failed jump-pod-failed"],
  ["may not look for the pod that it makes", { view: failed, makesPod: true }, "failed forbidden"],
  ["has made its pod", { view: ready, makesPod: true }, "running a of a,b"],
])("a tunnel that %s", (_what, facts, shown) => {
  expect(said(facts)).toBe(shown);
});

test("a problem comes with its time, and what runs since when it does", () => {
  expect(standingOf({ ...quiet, view: none })).toMatchObject({ problem: { sinceMs: 5 }, pods: [] });
  expect(standingOf({ ...quiet, view: ready })).toMatchObject({ sinceMs: 7 });
});
