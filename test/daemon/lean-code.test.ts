/** Code that the start needed is given back soon after it, then ever more seldom, for as long as the process lasts. */

import { expect, test } from "bun:test";
import { keepCodeLean } from "#daemon/process/lean-code.ts";
import { ManualClock } from "#test/support/manual-clock.ts";

test("after 1, 3, 7 … seconds, at last once a minute; what is mapped is looked up once", async () => {
  const clock = new ManualClock();
  const startMs = clock.now();
  const atSeconds: number[] = [];
  let opened = 0;
  keepCodeLean(clock, () => {
    opened += 1;
    return () => atSeconds.push((clock.now() - startMs) / 1000);
  });
  expect(opened).toBe(0);
  await clock.advance(250_000);
  expect(atSeconds).toEqual([1, 3, 7, 15, 31, 63, 123, 183, 243]);
  expect(opened).toBe(1);
});
