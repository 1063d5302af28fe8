/** An API of a hub whose every string is hostile: markup, script addresses, control characters and letters that turn the direction. */

import type { Page, Route } from "playwright-core";

export const hostile = `<img src=x onerror="window.pwned=1"><script>window.pwned=1</script>\u202e\u001b[31m"'&lt;`;

const problem = { code: "no-ready-pod", message: hostile, hints: [hostile], sinceMs: 1 };
const counts = { openConnections: 1, totalConnections: 1, failures: 1, requests: 1, receivedBytes: 1, sentBytes: 1 };

const route = (name: string, more: object): object => ({
  ...{ kind: "http", name, url: "javascript:window.pwned=1", address: hostile, target: hostile, context: hostile, state: "running" },
  ...{ pod: hostile, pods: [hostile], ...counts, responses: { [hostile]: 1 } },
  ...more,
});

const profile = `/p/${hostile}`;
const hub = { protocol: 2, version: hostile, commit: hostile, pid: 1, startedAtMs: 1, problem };
const head = {
  ...{ profile, name: hostile, context: hostile, pinned: true, clients: 0, problem, warnings: [hostile] },
  listeners: [{ address: hostile, open: false, problem, reachableAt: [hostile] }],
  namespaces: [{ namespace: hostile, context: hostile, services: 1, notes: [hostile], problem }],
};
const changes = {
  ...{ type: "changes", isAnew: true, hub, removed: [], isComplete: true },
  profiles: [{ id: 1, order: 1, profile: head }],
  routes: [
    { id: 2, order: 1, profile, route: route(hostile, { lastProblem: { ...problem, atMs: 1 } }) },
    { id: 3, order: 2, profile, route: route(`${hostile}2`, { state: "failed", problem }) },
    { id: 4, order: 3, profile, route: route(`${hostile}3`, { kind: "forward", forwarded: { namespace: hostile, service: hostile } }) },
  ],
};
const request = {
  ...{ atMs: 1, profile, route: hostile, name: hostile, method: "GET", path: `/${hostile}`, protocol: "HTTP/1.1" },
  ...{ status: 200, durationMs: 1, firstByteMs: 1, sentBytes: 1, receivedBytes: 1 },
};
const pod = { name: hostile, state: "stuck", says: hostile, restarts: 3, containers: [hostile] };
const entry = { atMs: 1, level: "error", route: hostile, text: hostile, event: { type: "refused" } };
const history = { endMs: 1, stepSeconds: 1, requests: [1], failures: [1], receivedBytes: [1], sentBytes: [1], meanMs: [1] };
const replayed = { status: 200, headers: [{ name: hostile, value: hostile }], body: hostile, isCut: true, durationMs: 1 };

const events: Readonly<Record<string, readonly [event: string, data: object]>> = {
  watch: ["changes", changes],
  events: ["refused", entry],
  requests: ["requests", { type: "requests", requests: [request], leftOut: 2 }],
  logs: ["lines", { type: "lines", lines: [hostile], leftOut: 1 }],
};
const answers: Readonly<Record<string, object>> = {
  requests: { requests: [request] },
  history,
  pods: { pods: [pod] },
  explain: { steps: [{ step: hostile, verdict: hostile, outcome: "stop", code: "no-ready-pod" }] },
  replay: replayed,
};

/** Answers in the place of the hub. */
export async function answerWithHostility(page: Page): Promise<void> {
  await page.route("**/api/v1/**", async (asked: Route) => {
    const name = new URL(asked.request().url()).pathname.slice("/api/v1/".length);
    const event = asked.request().headers()["accept"] === "text/event-stream" ? events[name] : undefined;
    if (event) {
      const body = `event: ${event[0]}\ndata: ${JSON.stringify(event[1])}\n\n`;
      await asked.fulfill({ status: 200, headers: { "Content-Type": "text/event-stream" }, body });
    } else await asked.fulfill({ json: answers[name] ?? { error: { code: "internal", message: hostile, hints: [hostile] } } });
  });
}
