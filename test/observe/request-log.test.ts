/** The latest requests: bounded, in order, and reported to those who follow; of what clients sent only what is worth keeping. */

import { expect, test } from "bun:test";
import { observeLimits } from "#observe/limits.ts";
import type { JournalEntry } from "#observe/journal.ts";
import { type RequestFacts, RequestLog } from "#observe/request-log.ts";
import { ManualClock } from "#test/support/manual-clock.ts";

const route = { profile: "p", route: "a" };
const facts: RequestFacts = {
  method: "GET",
  name: "h",
  target: "/",
  protocol: "HTTP/1.1",
  status: 200,
  grpcStatus: undefined,
  durationMs: 0,
  firstByteMs: undefined,
  sentBytes: 0,
  receivedBytes: 0,
};

const { requestEntries, requestPageEntries } = observeLimits;

test("keeps what is known of each, oldest first", () => {
  const log = new RequestLog(new ManualClock());
  for (let at = 0; at < 3; at++) {
    const odd = at === 1 ? { status: undefined, grpcStatus: 14, firstByteMs: 0.5, protocol: "HTTP/2" as const } : {};
    log.add(log.of(route), {
      ...facts,
      name: `h${at}`,
      status: 200 + at,
      durationMs: at,
      sentBytes: at,
      receivedBytes: 2 ** 40 + at,
      ...odd,
    });
  }
  expect(log.entries().map(({ event }) => event)).toEqual(
    [0, 1, 2].map((at) => ({
      type: "request",
      ...route,
      name: `h${at}`,
      method: "GET",
      path: "/",
      protocol: at === 1 ? "HTTP/2" : "HTTP/1.1",
      status: at === 1 ? undefined : 200 + at,
      grpcStatus: at === 1 ? 14 : undefined,
      durationMs: at,
      firstByteMs: at === 1 ? 0.5 : undefined,
      sentBytes: at,
      receivedBytes: 2 ** 40 + at,
    })),
  );
  expect(log.entries()[0]).toMatchObject({ level: "debug" });
});

test("keeps at least 500 of each route, and forgets what is older", () => {
  const log = new RequestLog(new ManualClock());
  for (let at = 0; at < 5 * requestEntries; at++) {
    log.add(log.of({ profile: "p", route: at % 5 === 0 ? "slow" : "fast" }), { ...facts, receivedBytes: at });
  }
  const last = (each: (at: number) => boolean): number[] =>
    Array.from({ length: 5 * requestEntries }, (_, at) => at)
      .filter(each)
      .slice(-requestEntries);
  const bytes = (name: string): number[] =>
    log.entriesOf("p", name).map(({ event }) => ("receivedBytes" in event ? event.receivedBytes : 0));
  expect(bytes("slow")).toEqual(last((at) => at % 5 === 0));
  expect(bytes("fast")).toEqual(last((at) => at % 5 !== 0));
  expect(log.entriesOf("q", "slow")).toEqual([]);
  expect(log.entries(3).map(({ event }) => "receivedBytes" in event && event.receivedBytes)).toEqual([2497, 2498, 2499]);
});

test("goes on for connections that held a route whose pages others needed", () => {
  const log = new RequestLog(new ManualClock(), 2);
  const [one, other] = [log.of(route), log.of(route)];
  log.add(one, { ...facts, name: "lost" });
  for (let at = 0; at < 2; at++) log.add(log.of({ profile: "p", route: `r${at}` }), facts);
  for (const held of [other, one, one, other]) log.add(held, { ...facts, name: "kept" });
  expect(log.entriesOf("p", "a").map(({ event }) => "name" in event && event.name)).toEqual(["kept", "kept", "kept", "kept"]);
  expect(log.entries()).toHaveLength(5);
});

test("has as many pages as it may have, however many routes there are", () => {
  const log = new RequestLog(new ManualClock(), 4);
  for (let at = 0; at < 50; at++) log.add(log.of({ profile: "p", route: `r${at}` }), { ...facts, name: `h${at}` });
  expect(log.entries().map(({ event }) => "name" in event && event.name)).toEqual(["h46", "h47", "h48", "h49"]);
  for (let at = 0; at < observeLimits.firstPageEntries + 10 * requestPageEntries; at++) log.add(log.of(route), facts);
  expect(log.entries(10_000)).toHaveLength(4 * requestPageEntries);
  expect(log.entriesOf("p", "r49")).toEqual([]);
});

test("the first page of a route is followed by whole ones, and what it held stays", () => {
  const log = new RequestLog(new ManualClock());
  const count = observeLimits.firstPageEntries + requestPageEntries + 1;
  const held = log.of(route);
  for (let at = 0; at < count; at++) log.add(held, { ...facts, name: `h${at}` });
  const names = log.entriesOf("p", route.route).map(({ event }) => "name" in event && event.name);
  expect(names).toEqual(Array.from({ length: count }, (_, at) => `h${at}`));
  expect(held.pages.map((page) => page.count)).toEqual([observeLimits.firstPageEntries, requestPageEntries, 1]);
});

const long = `/${"x".repeat(2 * observeLimits.requestTextBytes)}`;

test.each([
  ["/users?token=secret", "/users"],
  ["/a/b/", "/a/b/"],
  ["*", "*"],
  ["http://user:word@shop.localhost:80/cart?x=1", "/cart"],
  [long, long.slice(0, observeLimits.requestTextBytes - "GET h ".length)],
])("of the target %s the path is kept, without its query, up to the limit", (target, path) => {
  const log = new RequestLog(new ManualClock());
  log.add(log.of(route), { ...facts, target });
  expect(log.entries()[0]?.event).toMatchObject({ path, name: "h", method: "GET" });
});

test("reports to followers until they leave", () => {
  const log = new RequestLog(new ManualClock());
  const heard: JournalEntry[] = [];
  const leave = log.follow((entry) => heard.push(entry));
  log.add(log.of(route), { ...facts, name: "first" });
  leave();
  log.add(log.of(route), { ...facts, name: "second" });
  expect(heard.map(({ event }) => "name" in event && event.name)).toEqual(["first"]);
});
