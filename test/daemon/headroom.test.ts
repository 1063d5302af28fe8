/** Descriptors are kept free for the hub itself: the client too many is refused, and that is reported once. */

import { expect, test } from "bun:test";
import { daemonLimits } from "#daemon/limits.ts";
import { Headroom } from "#daemon/headroom.ts";
import { describeEvent } from "#observe/describe.ts";
import { ManualClock } from "#test/support/manual-clock.ts";

function rig(limit: number) {
  const clock = new ManualClock();
  const told: string[] = [];
  const state = { open: 20, looks: 0 };
  const openNow = (): number => {
    state.looks += 1;
    return state.open;
  };
  const headroom = new Headroom({ limit, openNow, clock, report: (event) => told.push(describeEvent(event)) });
  return { headroom, clock, told, state };
}

test("clients are let in while two descriptors for each and the reserve are left", () => {
  const { headroom, state } = rig(1000);
  let served = 0;
  while (headroom.refusal() === undefined) [served, state.open] = [served + 1, state.open + 2];
  expect(state.open).toBe(1000 - daemonLimits.reservedDescriptors);
  expect(served).toBe((1000 - 20 - daemonLimits.reservedDescriptors) / 2);
  expect(state.looks).toBeLessThan(15);
});

test("a refusal is reported once, shows while it lasts, and its count when it is over", async () => {
  const { headroom, clock, told, state } = rig(256);
  state.open = 240;
  for (let round = 0; round < 50; round++) expect(headroom.refusal()?.code).toBe("overloaded");
  expect(headroom.problem).toMatchObject({ code: "overloaded", sinceMs: clock.wallMs() });
  await clock.advance(daemonLimits.overloadQuietMs);
  expect(told).toEqual([
    "connections are refused: no more connections are accepted: the limit of 256 open files and sockets is near",
    "connections are taken again; 50 were refused",
  ]);
  expect(headroom.problem).toBeUndefined();
  state.open = 20;
  expect(headroom.refusal()).toBeUndefined();
});

test("connections to the cluster that are being opened count for new clients, and may use most of the reserve", async () => {
  const { headroom, state } = rig(256);
  state.open = 256 - daemonLimits.reservedDescriptors - 2;
  const opened = Promise.withResolvers<void>();
  const opening = headroom.opening(() => opened.promise);
  expect(headroom.refusal()?.code).toBe("overloaded");
  state.open = 256 - daemonLimits.reservedDescriptors / 4;
  await headroom.opening(async () => {});
  state.open += 1;
  await expect(headroom.opening(async () => {})).rejects.toMatchObject({ code: "overloaded" });
  opened.resolve();
  await opening;
});

test("where there is no limit no client is refused", () => {
  const { headroom, state } = rig(Number.POSITIVE_INFINITY);
  state.open = 1_000_000;
  expect(headroom.refusal()).toBeUndefined();
});
