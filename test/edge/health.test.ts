/** When an uplink is healthy: thresholds of probes, and what counts at once. */

import { expect, test } from "bun:test";
import { Health } from "#edge/uplinks/health.ts";

const thresholds = { healthyThreshold: 2, unhealthyThreshold: 3 };

test("the first success is enough, and after a failure as many as the threshold", () => {
  const health = new Health();
  expect(health.isUp).toBe(false);
  health.succeeded(thresholds);
  expect([health.isUp, health.problem]).toEqual([true, ""]);
  for (let count = 1; count <= 3; count++) {
    expect(health.isUp).toBe(true);
    health.failed("it answers 503", thresholds);
  }
  expect([health.isUp, health.problem]).toEqual([false, "it answers 503"]);
  health.succeeded(thresholds);
  expect(health.isUp).toBe(false);
  health.succeeded(thresholds);
  expect(health.isUp).toBe(true);
});

test("failures that do not follow each other count for nothing", () => {
  const health = new Health();
  for (let count = 0; count < 5; count++) {
    health.succeeded(thresholds);
    health.failed("late", thresholds);
    health.failed("late", thresholds);
  }
  expect(health.isUp).toBe(true);
});

test("what leaves no doubt counts at once", () => {
  const health = new Health();
  health.succeeded(thresholds);
  health.lost("connection refused");
  expect([health.isUp, health.problem]).toEqual([false, "connection refused"]);
});
