/** What went through a route over time: each step has what was added in it, whatever the pauses, and memory follows use. */

import { describe, expect, test } from "bun:test";
import { gc } from "bun";
import { heapStats } from "bun:jsc";
import fc from "fast-check";
import { CounterTable, type RouteCounters } from "#observe/counters.ts";
import { observeLimits } from "#observe/limits.ts";
import { RateSampler } from "#observe/rate-sampler.ts";
import { ManualClock } from "#test/support/manual-clock.ts";

function rig() {
  const clock = new ManualClock();
  const counters = new CounterTable();
  const sampler = new RateSampler(counters, clock);
  return { clock, counters, sampler, web: counters.of("p", "web") };
}

const ofSecond = (clock: ManualClock): number => Math.floor(clock.now() / 1000);

describe("each second", () => {
  test("has the bytes that came in it, and each ten seconds theirs, through pauses of any length", async () => {
    const pauses = fc.array(fc.tuple(fc.nat(40_000), fc.integer({ min: 1, max: 1000 })), { minLength: 1, maxLength: 12 });
    await fc.assert(
      fc.asyncProperty(pauses, async (added) => {
        const { clock, sampler, web } = rig();
        const fine = new Map<number, number>();
        for (const [pauseMs, bytes] of added) {
          await clock.advance(pauseMs);
          // What comes before the second that is over was looked at counts to that one.
          if (clock.now() % 1000 <= observeLimits.rateTickMs) await clock.advance(2 * observeLimits.rateTickMs);
          web.add("received", bytes);
          fine.set(ofSecond(clock), (fine.get(ofSecond(clock)) ?? 0) + bytes);
        }
        await clock.advance(12_000);
        const end = ofSecond(clock);
        const seconds = sampler.history("p", "web", 1, 600);
        expect(seconds.receivedBytes).toEqual(Array.from({ length: 600 }, (_, at) => fine.get(end - 600 + at) ?? 0));
        const coarseEnd = Math.floor(end / 10);
        const sums = Array.from({ length: 60 }, (_, at) => {
          const from = (coarseEnd - 60 + at) * 10;
          return Array.from({ length: 10 }, (_none, one) => fine.get(from + one) ?? 0).reduce((a, b) => a + b, 0) / 10;
        });
        for (const [at, value] of sampler.history("p", "web", 10, 60).receivedBytes.entries()) expect(value).toBeCloseTo(sums[at] ?? 0, 3);
      }),
      { numRuns: 40 },
    );
  });

  test("ends when its last one does", async () => {
    const { clock, sampler } = rig();
    await clock.advance(1_234);
    expect(sampler.history("p", "web", 1, 3)).toMatchObject({ endMs: clock.wallMs() - 234, stepSeconds: 1, requests: [0, 0, 0] });
    expect(sampler.history("p", "web", 10, 1).endMs % 10_000).toBe(0);
  });

  test("has how long its requests took on average", async () => {
    const { clock, sampler, web } = rig();
    for (const durationMs of [10, 30]) web.requestEnded(200, durationMs, 5);
    await clock.advance(2_000);
    expect(sampler.history("p", "web", 1, 2).meanMs).toEqual([20, 0]);
  });
});

describe("the rate now", () => {
  test("is that of the last five seconds, and absent when nothing went through", async () => {
    const { clock, sampler, web } = rig();
    expect(web.perSecond(sampler.nowSeconds)).toBeUndefined();
    for (let at = 0; at < 5; at++) {
      web.requestBegun();
      web.add("sent", 100);
      await clock.advance(1_000);
    }
    await clock.advance(600);
    expect(web.perSecond(sampler.nowSeconds)).toEqual({ requests: 1, failures: 0, receivedBytes: 0, sentBytes: 100 });
    await clock.advance(5_000);
    expect(web.perSecond(sampler.nowSeconds)).toMatchObject({ requests: 0, sentBytes: 0 });
    await clock.advance(20_000);
    expect(web.perSecond(sampler.nowSeconds)).toBeUndefined();
  });

  test("is a change for the status while it moves, and then no more", async () => {
    const { clock, counters, web } = rig();
    web.requestBegun();
    counters.takeChanged();
    await clock.advance(2_000);
    expect(counters.takeChanged()).toHaveLength(1);
    await clock.advance(20_000);
    counters.takeChanged();
    await clock.advance(20_000);
    expect(counters.takeChanged()).toHaveLength(0);
  });
});

test("a route that is not used has no rings, and no timer runs for it", async () => {
  const { clock, web } = rig();
  await clock.advance(60_000);
  expect(web.rates).toBeUndefined();
  expect(clock.timers).toBe(0);
});

test("after a long time each ring has as many steps as it keeps", async () => {
  const { clock, sampler, web } = rig();
  const use = async (route: RouteCounters): Promise<void> => {
    route.add("received", 1000);
    await clock.advance(10_000);
  };
  for (let at = 0; at < 5; at++) await use(web);
  await clock.advance(7 * 3600 * 1000);
  await use(web);
  const coarse = sampler.history("p", "web", 10, 100_000).receivedBytes;
  expect(coarse).toHaveLength(observeLimits.coarseRateSteps);
  expect(coarse.reduce((a, b) => a + b, 0)).toBeCloseTo(100);
});

test("what lies idle takes no memory: a route that is used once an hour has a few pages", async () => {
  const { clock, sampler, web } = rig();
  const pages = (): number => heapStats().objectTypeCounts["Float32Array"] ?? 0;
  gc(true);
  const before = pages();
  for (let hour = 0; hour < 12; hour++) {
    web.add("received", 1000);
    await clock.advance(3_600_000);
  }
  gc(true);
  // Six hours of ten seconds, and ten minutes of one.
  expect(pages() - before).toBeLessThanOrEqual(7);
  const kept = sampler.history("p", "web", 10, 2160).receivedBytes.filter((bytes) => bytes > 0);
  expect(kept).toEqual(Array.from({ length: 6 }, () => 100));
});

test("all routes together have what each of them had, those that were forgotten since too", async () => {
  const added = fc.array(fc.tuple(fc.nat(9_000), fc.constantFrom("a", "b", "c"), fc.integer({ min: 1, max: 300 })), {
    minLength: 1,
    maxLength: 20,
  });
  await fc.assert(
    fc.asyncProperty(added, async (steps) => {
      const { clock, sampler, counters } = rig();
      let sum = 0;
      for (const [pauseMs, name, bytes] of steps) {
        await clock.advance(pauseMs);
        counters.of("p", name).add("received", bytes);
        sum += bytes;
        // Reading at a moment in between changes nothing.
        if (bytes % 3 === 0) sampler.historyOfAll(1, 10);
      }
      await clock.advance(2_000);
      counters.forgetRoute("p", "a");
      const { receivedBytes } = sampler.historyOfAll(1, 600);
      expect(receivedBytes.reduce((one, other) => one + other, 0)).toBe(sum);
      await clock.advance(20_000);
      expect(clock.timers).toBe(0);
    }),
    { numRuns: 40 },
  );
});
