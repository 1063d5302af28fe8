/** The detail of a route and logs: what keys open, what is followed meanwhile, and what is seen. */

import { describe, expect, test } from "bun:test";
import { heard, heardLines, type Model, wantedSource, withPods, withRequests } from "#tui/model/model.ts";
import { sparkline } from "#tui/view/sparkline.ts";
import { after, key, model, profile, requestEntry, route, seen, snapshot, typed } from "./models.ts";

const web = route("web.localhost", { state: "running", pod: "web-1", requests: 3, responses: { "2xx": 2, "5xx": 1 }, failures: 1 });
const start = model(snapshot(profile([web, route("api.localhost", { state: "stopped" })])), { columns: 100, rows: 30 });
const pods = {
  pods: [
    { name: "web-1", state: "ready" as const, says: "is ready", restarts: 0, containers: ["app", "side"] },
    { name: "web-2", state: "stuck" as const, says: "is in CrashLoopBackOff (exit code 1)", restarts: 4, containers: ["app"] },
  ],
};

function pod(shown: Model): string {
  const source = wantedSource(shown);
  return source?.kind === "pod" ? `${source.pod}/${source.container}` : (source?.kind ?? "nothing");
}

describe("the detail", () => {
  const detail = after(start, key("enter")).model;

  test("shows all that is known, and follows the route's events", () => {
    const source = wantedSource(detail);
    expect(source).toEqual({ kind: "route", profile: "/p/tunnels.toml", route: "web.localhost" });
    if (source === undefined) return;
    const events = [{ atMs: 0, level: "info" as const, text: "is running on web-1", event: { type: "tunnel-phase" } }];
    const requests = [requestEntry({ method: "GET", path: "/a?\u001b[2J", status: 503, durationMs: 12, receivedBytes: 3000 })];
    const text = seen(withRequests(heard(withPods(detail, pods), source, events), requests)).join("\n");
    for (const part of [
      "web.localhost  ● running",
      "target       shop/svc/web:http",
      "requests     3 (2 2xx, 1 5xx)",
      "● web-1 is ready · app, side",
      "✗ web-2 is in CrashLoopBackOff (exit code 1) · 4 restarts · app",
      "GET     503     12 ms   3.0 KB  /a?\\x1b[2J",
      "is running on web-1",
    ])
      expect(text).toContain(part);
  });

  test("goes back to the list, and is left by what has no row any more", () => {
    expect(wantedSource(after(detail, key("escape")).model)).toBeUndefined();
    const gone = { ...detail, rows: model(snapshot(profile([]))).rows };
    expect(seen(gone).join("\n")).toContain("it is not attached any more");
  });
});

describe("the log of a route's pods", () => {
  const pending = after(start, ...typed("l")).model;

  test("is that of the pod in trouble, else of the one that answers", () => {
    expect(pod(pending)).toBe("pods");
    expect(pod(withPods(pending, pods))).toBe("web-2/app");
    expect(pod(withPods(pending, { pods: pods.pods.slice(0, 1) }))).toBe("web-1/app");
    expect(seen(withPods(pending, { pods: [] })).join("\n")).toContain("there is no pod behind it");
    expect(seen(withPods(pending, { problem: "pods is forbidden" })).join("\n")).toContain("pods is forbidden");
  });

  test("goes on to the next container, and the next pod", () => {
    const open = withPods(pending, pods);
    expect(pod(after(open, ...typed("p")).model)).toBe("web-1/app");
    expect(pod(after(open, ...typed("pc")).model)).toBe("web-1/side");
    expect(pod(after(open, ...typed("pcc")).model)).toBe("web-1/app");
    expect(pod(after(open, ...typed("c")).model)).toBe("web-2/app");
  });

  test("follows what comes, stays where the user scrolled to, and follows again", () => {
    const open = withPods(pending, pods);
    const source = wantedSource(open);
    if (source === undefined) throw new Error("nothing is followed");
    const lines = (from: number, to: number): string[] => Array.from({ length: to - from }, (_, at) => `line ${from + at}`);
    const full = heardLines(open, source, lines(0, 100), 0);
    expect(seen(full).at(-5)).toBe("line 99");
    const scrolled = after(full, key("up"), key("up")).model;
    expect(seen(scrolled).at(-5)).toBe("line 97");
    const more = heardLines(scrolled, source, lines(100, 200), 7);
    expect(seen(more).at(-5)).toBe("line 97");
    expect(seen(more)[1]).toContain("103 lines below");
    expect(seen(after(more, key("end")).model).at(-5)).toBe("line 199");
    expect(seen(after(more, key("home")).model)[2]).toBe("line 0");
  });

  test("breaks long lines where that is asked for", () => {
    const open = withPods(pending, pods);
    const source = wantedSource(open);
    if (source === undefined) throw new Error("nothing is followed");
    const long = heardLines(open, source, [`${"x".repeat(150)}\u001b[31m`], 0);
    expect(seen(long)[2]).toBe(`${"x".repeat(99)}…`);
    expect(seen(after(long, ...typed("w")).model).slice(2, 4)).toEqual(["x".repeat(100), `${"x".repeat(50)}\\x1b[31m`]);
  });
});

describe("keys that act", () => {
  test("name the route and its profile", () => {
    const act = (action: string, name: string) => ({ type: "act", action, profile: "/p/tunnels.toml", route: name });
    expect(after(start, ...typed("rx")).effects).toEqual([act("reconnect", "web.localhost"), act("stop", "web.localhost")] as never);
    expect(after(start, key("down"), ...typed("x")).effects).toEqual([act("start", "api.localhost")] as never);
  });

  test("a page is opened, an address is copied", () => {
    expect(after(start, ...typed("yo")).effects).toEqual([
      { type: "copy", text: "http://web.localhost:8989/" },
      { type: "open", url: "http://web.localhost:8989/" },
    ]);
  });

  test("what is pasted is not a command", () => {
    expect(after(start, { pasted: "rxq" }).effects).toEqual([]);
  });

  test("q asks only where this view alone keeps the profile", () => {
    const leased = model(snapshot(profile([web])), start.size, "/p/tunnels.toml");
    expect(after(leased, ...typed("q")).effects).toEqual([]);
    expect(after(leased, ...typed("qy")).effects).toEqual([{ type: "quit", keepAttached: true }]);
    const shared = model(snapshot(profile([web], { clients: 2 })), start.size, "/p/tunnels.toml");
    expect(after(shared, ...typed("q")).effects).toEqual([{ type: "quit", keepAttached: false }]);
  });
});

test("a sparkline has a bar for each of the latest values", () => {
  expect(sparkline([0, 1, 4, 8], 6)).toBe("   ▁▄█");
  expect(sparkline([1, 2, 3], 2)).toBe("▆█");
  expect(sparkline([], 3)).toBe("   ");
});
