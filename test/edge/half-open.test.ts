/** Connections that say nothing: each has its time, and the oldest makes room. */

import { expect, test } from "bun:test";
import { HalfOpen } from "#edge/tcp/half-open.ts";
import { edgeLimits } from "#edge/limits.ts";
import { ManualClock } from "#test/support/manual-clock.ts";

test("a connection is cut when its time is over, unless it has shown what it wants", async () => {
  const clock = new ManualClock();
  const halfOpen = new HalfOpen(clock);
  const cut: string[] = [];
  halfOpen.enter((why) => cut.push(`silent ${why}`));
  const leave = halfOpen.enter((why) => cut.push(`quick ${why}`));
  await clock.advance(edgeLimits.halfOpenMs - 1);
  leave();
  expect(cut).toEqual([]);
  await clock.advance(1);
  expect(cut).toEqual(["silent late"]);
  expect([halfOpen.size, clock.timers]).toEqual([0, 0]);
});

test("the oldest makes room for a new one, so that a flood keeps none out", () => {
  const clock = new ManualClock();
  const halfOpen = new HalfOpen(clock);
  const cut: number[] = [];
  for (let count = 0; count < edgeLimits.halfOpen + 3; count++) halfOpen.enter((why) => void (why === "evicted" && cut.push(count)));
  expect(cut).toEqual([0, 1, 2]);
  expect([halfOpen.size, clock.timers]).toEqual([edgeLimits.halfOpen, edgeLimits.halfOpen]);
});
