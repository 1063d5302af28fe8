/** Events as lines: what people read, how much it matters, and which route it belongs to. */

import { expect, test } from "bun:test";
import { describeEvent, eventLevel, eventRoute, eventSubjects } from "#observe/describe.ts";
import type { KtEvent, Problem } from "#observe/events.ts";

const problem: Problem = { code: "port-refused", message: "nothing listens on 80", hints: [] };
const target = "shop/svc/web:80";

const request = {
  type: "request",
  route: "a",
  profile: "p",
  name: "a",
  path: "/users/ann",
  protocol: "HTTP/1.1",
  grpcStatus: undefined,
  firstByteMs: undefined,
  sentBytes: 7,
} as const;

const cases: [KtEvent, string, string][] = [
  [{ type: "tunnel-phase", target, routes: ["a"], phase: "running", pod: "web-0", problem: undefined }, "is running on web-0", "info"],
  [
    { type: "tunnel-phase", target, routes: [], phase: "idle", pod: undefined, problem },
    "shop/svc/web:80 is idle: nothing listens on 80",
    "warn",
  ],
  [{ type: "connection-opened", route: "a.localhost", profile: "p", name: "a.localhost" }, "connection opened", "debug"],
  [
    { type: "connection-closed", route: "a", profile: "p", name: "a", receivedBytes: 1_500, sentBytes: 20, problem: undefined },
    "connection closed (1.5 KB received, 20 B sent)",
    "debug",
  ],
  [
    { type: "connection-closed", route: "a", profile: "p", name: "a", receivedBytes: 0, sentBytes: 0, problem },
    "connection closed (0 B received, 0 B sent): nothing listens on 80",
    "warn",
  ],
  [
    { type: "forward", context: "dev", namespace: "shop", added: ["a.shop", "b.shop"], removed: ["c.shop"] },
    'namespace "shop": a.shop, b.shop are forwarded; c.shop is gone',
    "info",
  ],
  [
    { type: "forward", context: "dev", namespace: "shop", added: ["a", "b", "c", "d", "e", "f", "g"], removed: [] },
    'namespace "shop": a, b, c, d, e, 2 more are forwarded',
    "info",
  ],
  [{ type: "refused", name: "x", problem }, "refused: nothing listens on 80", "warn"],
  [{ type: "pod-changed", target, routes: ["a"], from: "web-0", to: "web-1" }, "pod web-0 → web-1", "info"],
  [{ ...request, method: "GET", status: 200, durationMs: 3.21, receivedBytes: 5_120 }, "GET 200 in 3.2 ms, 5.1 KB", "debug"],
  [
    { ...request, method: "POST", status: undefined, durationMs: 1234.5, receivedBytes: 0 },
    "POST left by the client in 1235 ms, 0 B",
    "debug",
  ],
  [{ type: "cluster", context: "dev", reachable: false, problem }, 'context "dev" does not answer: nothing listens on 80', "warn"],
  [{ type: "profile", profile: "shop", change: "attached", problem: undefined }, 'profile "shop" attached', "info"],
  [{ type: "listener", address: "[::1]:80", change: "failed", problem }, "cannot listen on [::1]:80: nothing listens on 80", "warn"],
  [{ type: "hub", change: "woke", detail: "after 9 s" }, "the hub woke up: after 9 s", "info"],
];

test.each(cases)("%j", (event, text, level) => {
  expect(describeEvent(event)).toBe(text);
  expect(eventLevel(event)).toBe(level as ReturnType<typeof eventLevel>);
});

test("a tunnel's events belong to its target as a profile writes it", () => {
  expect(eventSubjects({ type: "tunnel-phase", target, routes: [], phase: "idle", pod: undefined, problem })).toContain("shop/svc/web:80");
});

test("the route stands before the text: the name that was asked for, or those that share a tunnel", () => {
  const phase = (...routes: string[]): KtEvent => ({ type: "tunnel-phase", target, routes, phase: "idle", pod: undefined, problem });
  expect(eventRoute({ type: "connection-opened", route: "{s}.localhost", profile: "p", name: "web.localhost" })).toBe("web.localhost");
  expect(eventRoute({ type: "connection-opened", route: "5432", profile: "p", name: "127.0.0.1:40000" })).toBe("5432");
  expect(["a.localhost:8989", "[::1]:80", "::1"].map((name) => eventRoute({ type: "refused", name, problem }))).toEqual([
    "a.localhost",
    "[::1]",
    "::1",
  ]);
  expect(eventRoute(phase("a", "5432"))).toBe("a,5432");
  expect(eventRoute(phase("a", "b", "c", "d", "e"))).toBe("a,b,c,2 more");
  expect(eventRoute(phase())).toBeUndefined();
  expect(eventRoute({ type: "hub", change: "started", detail: undefined })).toBeUndefined();
});
