/** The latest requests: bounded, in order, and told to those who follow. */

import { expect, test } from "bun:test";
import type { JournalEntry } from "#observe/journal.ts";
import { RequestLog } from "#observe/requests.ts";
import { ManualClock } from "#test/support/manual-clock.ts";

const route = { profile: "p", route: "a" };

test("keeps the latest, oldest first, with how long each took", () => {
  const clock = new ManualClock();
  const log = new RequestLog(clock, 3);
  for (let index = 0; index < 5; index++) {
    const startedMs = log.begin();
    clock.advance(index);
    log.add(route, `h${index}`, "GET", 200 + index, startedMs, index);
  }
  expect(log.entries().map(({ event }) => event)).toEqual(
    [2, 3, 4].map((index) => ({
      type: "request",
      ...route,
      name: `h${index}`,
      method: "GET",
      status: 200 + index,
      durationMs: index,
      receivedBytes: index,
    })),
  );
  expect(log.entries()[0]).toMatchObject({ level: "debug" });
});

test("tells followers until they leave", () => {
  const log = new RequestLog(new ManualClock());
  const heard: JournalEntry[] = [];
  const leave = log.follow((entry) => heard.push(entry));
  log.add(route, "a", "GET", undefined, 0, 0);
  leave();
  log.add(route, "b", "GET", 200, 0, 0);
  expect(heard.map(({ event }) => "name" in event && event.name)).toEqual(["a"]);
});
