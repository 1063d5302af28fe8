/** Sleep is noticed by the wall clock running ahead; ordinary time and a clock set back are not sleep. */

import { expect, test } from "bun:test";
import { watchSleep } from "#daemon/process/sleep-watch.ts";
import { ManualClock } from "#test/support/manual-clock.ts";

class DriftingClock extends ManualClock {
  jumpedMs = 0;

  override wallMs(): number {
    return super.wallMs() + this.jumpedMs;
  }
}

test("a jump of the wall clock is sleep, once", async () => {
  const clock = new DriftingClock();
  const slept: number[] = [];
  const stop = watchSleep(clock, (ms) => slept.push(ms));
  await clock.advance(20_000);
  expect(slept).toEqual([]);
  clock.jumpedMs = 60_000;
  await clock.advance(20_000);
  expect(slept).toEqual([60_000]);
  clock.jumpedMs = 0;
  await clock.advance(20_000);
  expect(slept).toEqual([60_000]);
  stop();
  clock.jumpedMs = 600_000;
  await clock.advance(20_000);
  expect(slept).toEqual([60_000]);
});
