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
  durationMs: 0,
  sentBytes: 0,
  receivedBytes: 0,
};

test("keeps the latest, oldest first, with how long each took", () => {
  const clock = new ManualClock();
  const log = new RequestLog(clock, 3);
  for (let index = 0; index < 5; index++) {
    log.add(route, { ...facts, name: `h${index}`, status: 200 + index, durationMs: index, sentBytes: index, receivedBytes: 2 * index });
  }
  expect(log.entries().map(({ event }) => event)).toEqual(
    [2, 3, 4].map((index) => ({
      type: "request",
      ...route,
      name: `h${index}`,
      method: "GET",
      path: "/",
      protocol: "HTTP/1.1",
      status: 200 + index,
      durationMs: index,
      sentBytes: index,
      receivedBytes: 2 * index,
    })),
  );
  expect(log.entries()[0]).toMatchObject({ level: "debug" });
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
  log.add(route, { ...facts, target });
  expect(log.entries()[0]?.event).toMatchObject({ path, name: "h", method: "GET" });
});

test("reports to followers until they leave", () => {
  const log = new RequestLog(new ManualClock());
  const heard: JournalEntry[] = [];
  const leave = log.follow((entry) => heard.push(entry));
  log.add(route, { ...facts, name: "first" });
  leave();
  log.add(route, { ...facts, name: "second" });
  expect(heard.map(({ event }) => "name" in event && event.name)).toEqual(["first"]);
});
