/** Tests what counts as at once, and for how long it is remembered. */

import { expect, test } from "bun:test";
import { tunnelLimits } from "#tunnel/limits.ts";
import { RecentPeak } from "#tunnel/jump/recent-peak.ts";

test("connections within a second came at once, and the most at once is remembered while the pool is in use", () => {
  const peak = new RecentPeak();
  expect(peak.value(0)).toBe(0);
  for (const nowMs of [0, 10, 20, 900]) peak.add(nowMs);
  expect(peak.value(900)).toBe(4);
  peak.add(5_000);
  expect(peak.value(5_000)).toBe(4);
  peak.add(900 + tunnelLimits.sessionIdleMs - 1);
  expect(peak.value(900 + tunnelLimits.sessionIdleMs - 1)).toBe(4);
  expect(peak.value(900 + tunnelLimits.sessionIdleMs)).toBe(1);
  expect(peak.value(900 + 2 * tunnelLimits.sessionIdleMs)).toBe(0);
});
