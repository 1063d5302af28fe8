/** What `kt run` says of routes that are not ready. */

import { expect, test } from "bun:test";
import { Output } from "#cli/screen/output.ts";
import { RecordingSink } from "#test/support/recording-sink.ts";
import { showUnready, waitingText } from "#cli/run/unready.ts";
import type { RouteStatus, Snapshot } from "#control/api.ts";

const problem = { code: "no-ready-pod" as const, message: "no pod of it is ready", hints: ["kubectl get pods"] };

function route(name: string, state: RouteStatus["state"], more: Partial<RouteStatus> = {}): RouteStatus {
  const counts = { openConnections: 0, totalConnections: 0, failures: 0, requests: 0, receivedBytes: 0, sentBytes: 0 };
  return { kind: "http", name, url: "", target: "", state, pods: [], ...counts, ...more };
}

function snapshotOf(...routes: RouteStatus[]): Snapshot {
  const hub = { protocol: 1, version: "", commit: "", pid: 1, startedAtMs: 0 };
  return { hub, profiles: [{ profile: "/p", name: "p", pinned: false, clients: 1, listeners: [], routes, warnings: [] }] };
}

const text = (names: string[], ...routes: RouteStatus[]) => waitingText(snapshotOf(...routes), "/p", names);

test("it waits for the routes that are asked for and lead to no pod, with the first reason", () => {
  expect(text(["a", "b"], route("a", "running"), route("b", "starting"), route("c", "starting"))).toBe('waiting for "b"');
  expect(text(["a", "b"], route("a", "starting"), route("b", "failed", { problem }))).toBe(
    'waiting for "a" and "b": no pod of it is ready',
  );
  expect(text(["a"], route("a", "running", { problem }))).toBe('waiting for "a": no pod of it is ready');
  expect(text(["a"], route("a", "running"))).toBeUndefined();
  expect(waitingText(snapshotOf(), "/other", ["a"])).toBeUndefined();
});

test("many names stay one line", () => {
  const names = ["a", "b", "c", "d", "e", "f"];
  const routes = names.map((name) => route(name, "starting"));
  expect(text(["a", "b", "c", "d"], ...routes)).toBe('waiting for "a", "b", "c" and "d"');
  expect(text(names, ...routes)).toBe('waiting for "a", "b", "c" and 3 more');
});

test("what several routes have in common is said once, and this machine's problem decides the exit code", () => {
  const sink = new RecordingSink();
  const output = new Output({ stdout: sink, stderr: sink, environment: {}, verbose: false, quiet: true, logFormat: "text" });
  expect(showUnready([{ name: "a" }], output)).toBeUndefined();
  const unready = ["a", "b"].map((name) => ({ name, problem }));
  expect(showUnready(unready, output)).toBe(3);
  expect(sink.text).toBe('kt: error: "a" and "b" are not ready: no pod of it is ready\nkt: hint: kubectl get pods\n');
  expect(showUnready([...unready, { name: "5432", problem: { code: "port-taken", message: "taken", hints: [] } }], output)).toBe(1);
});
