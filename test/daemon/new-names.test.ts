/** How fast names that no profile has may be tried. */

import { beforeEach, expect, test } from "bun:test";
import { KtError } from "#base/errors.ts";
import { daemonLimits } from "#daemon/limits.ts";
import { NewNames } from "#daemon/plans/new-names.ts";
import { ManualClock, settle } from "#test/support/manual-clock.ts";

const never = new AbortController().signal;
let clock: ManualClock;
let names: NewNames;
let allowed = 0;
let refused: unknown[] = [];

beforeEach(() => {
  clock = new ManualClock();
  names = new NewNames(clock);
  allowed = 0;
  refused = [];
});

async function take(count: number, signal = never): Promise<void> {
  for (let at = 0; at < count; at++) {
    names.take(signal).then(
      () => allowed++,
      (error: unknown) => refused.push(error),
    );
  }
  await settle();
}

test("as many as a namespace has services go at once, and then so many per second", async () => {
  await take(daemonLimits.newNames + 100);
  expect(allowed).toBe(daemonLimits.newNames);
  await clock.advance(1000);
  expect(allowed).toBe(daemonLimits.newNames + daemonLimits.newNamesPerSecond);
  expect(refused).toEqual([]);
});

test("those that lead somewhere let others go at once", async () => {
  await take(daemonLimits.newNames + 100);
  for (let at = 0; at < 100; at++) names.giveBack();
  await settle();
  expect(allowed).toBe(daemonLimits.newNames + 100);
});

test("too many that wait are refused", async () => {
  await take(daemonLimits.newNames + daemonLimits.newNamesWaiting + 1);
  expect(refused.map((error) => error instanceof KtError && error.code)).toEqual(["too-many-names"]);
});

test("who leaves gives up the place, and takes nothing", async () => {
  const leaving = new AbortController();
  await take(daemonLimits.newNames);
  await take(1, leaving.signal);
  leaving.abort(new KtError("connection-lost", "left"));
  await take(1);
  expect(refused).toHaveLength(1);
  await clock.advance(1000 / daemonLimits.newNamesPerSecond);
  expect(allowed).toBe(daemonLimits.newNames + 1);
});

test("permits come back with time, and no timer runs when all are there", async () => {
  await take(daemonLimits.newNames);
  await clock.advance((daemonLimits.newNames / daemonLimits.newNamesPerSecond) * 1000);
  await take(daemonLimits.newNames);
  expect(allowed).toBe(2 * daemonLimits.newNames);
});
