/** Events as lines: what people read, how much it matters, and which route it belongs to. */

import { expect, test } from "bun:test";
import { describeEvent, eventLevel, eventSubjects } from "#observe/describe.ts";
import type { KtEvent, Problem } from "#observe/events.ts";

const problem: Problem = { code: "port-refused", message: "nothing listens on 80", hints: [] };
const target = "shop/svc/web:80";

const cases: [KtEvent, string, string][] = [
  [{ type: "tunnel-phase", target, phase: "running", pod: "web-0", problem: undefined }, "shop/svc/web:80 is running on web-0", "info"],
  [{ type: "tunnel-phase", target, phase: "idle", pod: undefined, problem }, "shop/svc/web:80 is idle: nothing listens on 80", "warn"],
  [{ type: "connection-opened", route: "a.localhost", profile: "p", name: "a.localhost" }, '"a.localhost" was opened', "debug"],
  [
    { type: "connection-closed", route: "a", profile: "p", name: "a", receivedBytes: 1_500, sentBytes: 20, problem: undefined },
    '"a" was closed (1.5 KB received, 20 B sent)',
    "debug",
  ],
  [
    { type: "connection-closed", route: "a", profile: "p", name: "a", receivedBytes: 0, sentBytes: 0, problem },
    '"a" was closed (0 B received, 0 B sent): nothing listens on 80',
    "warn",
  ],
  [{ type: "refused", name: "x", problem }, '"x" was refused: nothing listens on 80', "warn"],
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
  expect(eventSubjects({ type: "tunnel-phase", target, phase: "idle", pod: undefined, problem })).toContain("shop/svc/web:80");
});
