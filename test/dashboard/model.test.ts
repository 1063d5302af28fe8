/** What the dashboard works out before it draws: addresses, lists, charts and lines of logs. */

import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import type { RequestEntry } from "#control/api.ts";
import { indexAt, niceMost, pathsOf } from "#dashboard/model/chart.ts";
import { chunkLines, noLines, withLines } from "#dashboard/model/log-lines.ts";
import { hashOf, type Place, readPlace, views } from "#dashboard/model/place.ts";
import { hostOf, keptRequests, noRequests, outcomeOf, shownRequests, unlisted, withRequests } from "#dashboard/model/request-list.ts";
import { problemsOf } from "#dashboard/model/problem-list.ts";
import { findRoute, listed, pageOf } from "#dashboard/model/routes.ts";
import { nextSparks, noSparks, sparkSeconds } from "#dashboard/model/sparks.ts";
import { profileOf, routeOf } from "#test/web/rig.ts";

const snapshotOf = (...routes: ReturnType<typeof routeOf>[]) => ({
  hub: { protocol: 1, version: "1", commit: "a", pid: 1, startedAtMs: 0 },
  profiles: [profileOf({ routes })],
});

const request = (fields: Partial<RequestEntry> = {}): RequestEntry => ({
  ...{ atMs: 1, profile: "/p", route: "web.localhost", name: "web.localhost:80", method: "GET", path: "/", protocol: "HTTP/1.1" },
  ...{ status: 200, durationMs: 1, sentBytes: 0, receivedBytes: 0 },
  ...fields,
});

describe("where the user is", () => {
  const word = fc.string({ minLength: 1 });
  const anyPlace: fc.Arbitrary<Place> = fc.oneof(
    fc.record({ view: fc.constantFrom(...views) }),
    fc.record({ view: fc.constantFrom(...views), route: fc.record({ profile: word, route: word }) }),
    fc.record({
      view: fc.constantFrom(...views),
      route: fc.record({ profile: word, route: word }),
      log: fc.record({ pod: word, container: word }),
    }),
    fc.record({ view: fc.constantFrom(...views), subject: word }),
  );

  test("stands in the address, whatever the names are", () => {
    fc.assert(fc.property(anyPlace, (place) => expect(readPlace(hashOf(place))).toEqual(place)));
  });

  test("is the list of routes for an address that means nothing", () => {
    fc.assert(fc.property(fc.string(), (text) => expect(views).toContain(readPlace(text).view)));
    expect(readPlace("")).toEqual({ view: "routes" });
  });
});

describe("the list of routes", () => {
  const running = routeOf({ name: "a.localhost" });
  const idle = routeOf({ name: "b.localhost", state: "idle" });
  const failed = routeOf({ name: "c.localhost", state: "failed" });
  const snapshot = snapshotOf(running, idle, failed);

  test("shows those of a kind under their headings, and counts all", () => {
    const { rows, counts } = listed(snapshot, { filter: "", sorting: "place", kind: "failed" });
    expect(rows.map((row) => (row.kind === "heading" ? row.namespace : row.route.name))).toEqual(["shop", "c.localhost"]);
    expect(counts).toEqual({ all: 3, "in use": 1, failed: 1 });
    expect(listed(snapshot, { filter: "nothing", sorting: "place", kind: "failed" }).rows).toEqual([]);
  });

  test("finds a route by its profile and name", () => {
    expect(findRoute(snapshot, { profile: "/p/tunnels.toml", route: "b.localhost" })?.route).toBe(idle);
    expect(findRoute(snapshot, { profile: "/other", route: "b.localhost" })).toBeUndefined();
  });

  test.each([
    ["http://web.localhost:8989", "http://web.localhost:8989"],
    ["https://argocd.localhost", "https://argocd.localhost"],
    ["localhost:5432", undefined],
    ["javascript:alert(1)", undefined],
    ["http://user@evil.example/", undefined],
    ["http://web.localhost\u202e", undefined],
  ])("opens %p as %p", (url, page) => expect(pageOf(routeOf({ url }))).toBe(page));
});

test("small charts hold the last minute of what has traffic, and nothing of the rest", () => {
  const perSecond = { requests: 1, failures: 0, receivedBytes: 5, sentBytes: 2 };
  let sparks = noSparks;
  for (let second = 0; second < sparkSeconds + 5; second++) sparks = nextSparks(sparks, snapshotOf(routeOf({ perSecond })));
  expect([...sparks.values()]).toEqual([Array.from({ length: sparkSeconds }, () => 7)]);
  for (let second = 0; second < sparkSeconds; second++) sparks = nextSparks(sparks, snapshotOf(routeOf()));
  expect(sparks.size).toBe(0);
});

describe("requests", () => {
  test("stand latest first, and are bounded", () => {
    let list = withRequests(noRequests, [request({ atMs: 1 }), request({ atMs: 2 })]);
    expect(list.requests.map(({ atMs, id }) => [atMs, id])).toEqual([
      [2, 1],
      [1, 0],
    ]);
    for (let at = 0; at < keptRequests; at += 100)
      list = withRequests(
        list,
        Array.from({ length: 100 }, () => request()),
        3,
      );
    expect([list.requests.length, list.leftOut]).toEqual([keptRequests, 30]);
    expect(new Set(list.requests.map(({ id }) => id)).size).toBe(keptRequests);
  });

  test("are filtered by words, outcome and route", () => {
    const { requests } = withRequests(noRequests, [
      request({ path: "/login", status: 302 }),
      request({ path: "/api", status: 500, method: "POST" }),
      request({ path: "/api", route: "other.localhost", name: "other.localhost", status: undefined }),
    ]);
    const paths = (choice: Partial<Parameters<typeof shownRequests>[1]>): unknown[] =>
      shownRequests(requests, { filter: "", outcome: "all", route: undefined, ...choice }).map(({ method, path, name }) => [
        method,
        path,
        hostOf({ name }),
      ]);
    expect(paths({ filter: "post api" })).toEqual([["POST", "/api", "web.localhost"]]);
    expect(paths({ outcome: "left" })).toEqual([["GET", "/api", "other.localhost"]]);
    expect(paths({ outcome: "3xx" })).toEqual([["GET", "/login", "web.localhost"]]);
    expect(paths({ route: { profile: "/p", route: "other.localhost" } })).toHaveLength(1);
    expect(paths({})).toHaveLength(3);
  });

  test("that are listed are not added again", () => {
    const listed = [request({ atMs: 5 }), request({ atMs: 6 })];
    expect(unlisted([...listed, request({ atMs: 7 })], listed)).toEqual([request({ atMs: 7 })]);
  });

  test.each([
    [200, "2xx"],
    [304, "3xx"],
    [404, "4xx"],
    [503, "5xx"],
    [undefined, "left"],
  ] as const)("with status %p are %p", (status, outcome) => expect(outcomeOf({ status })).toBe(outcome));
});

describe("a chart", () => {
  test("ends at a round number that no value exceeds", () => {
    fc.assert(
      fc.property(fc.array(fc.float({ min: 0, max: 1e9, noNaN: true }), { minLength: 1 }), (values) => {
        const most = niceMost(values);
        expect(most).toBeGreaterThanOrEqual(Math.max(...values));
        expect(pathsOf(values, most).line).not.toContain("NaN");
      }),
    );
    expect([0, 3, 7, 12, 0.4].map((value) => niceMost([value]))).toEqual([1, 5, 10, 20, 0.5]);
  });

  test("draws values from left to right, the latest at the right edge", () => {
    expect(pathsOf([0, 5, 10], 10).line).toBe("M0 100L300 50L600 0");
    expect(pathsOf([], 1)).toEqual({ line: "", area: "" });
    expect([0, 0.49, 1, 2].map((part) => indexAt(part, 3))).toEqual([0, 1, 2, 2]);
  });
});

describe("lines of a log", () => {
  test("fill chunks that do not change any more, in order", () => {
    fc.assert(
      fc.property(fc.array(fc.array(fc.string(), { maxLength: 250 }), { maxLength: 6 }), (batches) => {
        let log = noLines;
        for (const lines of batches) {
          const before = log.chunks;
          log = withLines(log, { lines, leftOut: 1 });
          expect(log.chunks.slice(0, Math.max(0, before.length - 1))).toEqual(before.slice(0, -1));
        }
        expect(log.chunks.flatMap(({ lines }) => lines)).toEqual(batches.flat());
        expect(log.chunks.every(({ lines }) => lines.length <= chunkLines)).toBe(true);
        expect(log.leftOut).toBe(batches.length);
      }),
    );
  });

  test("go where there are too many", () => {
    const lines = Array.from({ length: 25_000 }, (_, at) => String(at));
    const kept = withLines(noLines, { lines, leftOut: 0 }).chunks.flatMap((chunk) => chunk.lines);
    expect([kept.length, kept.at(-1)]).toEqual([10_000, "24999"]);
  });
});

describe("the list of problems", () => {
  const problem = (message: string, sinceMs: number) => ({ code: "cluster-unreachable" as const, message, hints: ["kt doctor"], sinceMs });
  const failed = (name: string, message: string, sinceMs = 1) => routeOf({ name, state: "failed", problem: problem(message, sinceMs) });

  test("has one entry for one reason, with all its routes and since when the first has it, those of most routes first", () => {
    const { profiles } = snapshotOf(
      failed("a", "no pod", 9),
      failed("b", "it is down", 7),
      failed("c", "it is down", 5),
      routeOf({ name: "d" }),
    );
    const { now, over } = problemsOf(profiles);
    expect(now.map(({ message, atMs, routes }) => [message, atMs, routes.map(({ route }) => route)])).toEqual([
      ["it is down", 5, ["b", "c"]],
      ["no pod", 9, ["a"]],
    ]);
    expect(over).toEqual([]);
  });

  test("has apart what is over, the latest first, and nothing of a route that has a problem now", () => {
    const last = (message: string, atMs: number) => ({ code: "connection-lost" as const, message, hints: [], atMs });
    const { profiles } = snapshotOf(
      routeOf({ name: "a", lastProblem: last("reset", 3) }),
      routeOf({ name: "b", lastProblem: last("refused", 4) }),
      routeOf({ name: "c", lastProblem: last("reset", 8) }),
      { ...failed("d", "it is down"), lastProblem: last("refused", 20) },
    );
    const { now, over } = problemsOf(profiles);
    expect(now.map(({ routes }) => routes.length)).toEqual([1]);
    expect(over.map(({ message, atMs, routes }) => [message, atMs, routes.map(({ route }) => route)])).toEqual([
      ["reset", 8, ["a", "c"]],
      ["refused", 4, ["b"]],
    ]);
  });

  test("loses no problem of a thousand routes, and takes no time for them", () => {
    const { profiles } = snapshotOf(...Array.from({ length: 1000 }, (_, at) => failed(`r${at}`, `reason ${at % 3}`)));
    const { now } = problemsOf(profiles);
    expect(now.map(({ routes }) => routes.length)).toEqual([334, 333, 333]);
  });
});
