/** When an edge counts as serving: not before its plan and its uplinks are there, and in any case after a while. */

import { expect, test } from "bun:test";
import { edgeLimits } from "#edge/limits.ts";
import { whenServing } from "#edge/when-serving.ts";
import type { EdgeStatus } from "#expose/host/edge-status.ts";
import { ManualClock } from "#test/support/manual-clock.ts";

const status = (hash: string, ...states: EdgeStatus["bindings"][number]["state"][]): EdgeStatus => ({
  hash,
  startedAt: "",
  bindings: states.map((state) => ({ id: "a/b/c", hash: "h", state, message: "" })),
  uplinks: [],
});

/** After how many milliseconds it resolves, where the status is that of the last time that has passed. */
async function servingAfter(...states: readonly (readonly [fromMs: number, status: EdgeStatus])[]): Promise<number> {
  const clock = new ManualClock();
  const started = clock.now();
  const statusNow = (): EdgeStatus => states.findLast(([fromMs]) => clock.now() - started >= fromMs)?.[1] ?? status("");
  let isServing = false;
  const waiting = whenServing(statusNow, clock).then(() => {
    isServing = true;
  });
  for (let step = 0; step < 1000 && !isServing; step++) {
    await Promise.resolve();
    if (!isServing) await clock.advance(edgeLimits.servingLookMs);
  }
  await waiting;
  return clock.now() - started;
}

test("an edge serves once its plan is read and each binding has an uplink, or a reason of its own", async () => {
  expect(await servingAfter([0, status("h")])).toBe(0);
  const after = await servingAfter(
    [0, status("")],
    [200, status("h", "NoUplink", "Listening")],
    [500, status("h", "ListenFailed", "Listening")],
  );
  expect(after).toBeGreaterThanOrEqual(500);
  expect(after).toBeLessThan(500 + 2 * edgeLimits.servingLookMs);
});

test("an uplink that does not come holds an edge back for a while only", async () => {
  const after = await servingAfter([0, status("h", "NoUplink")]);
  expect(after).toBeGreaterThanOrEqual(edgeLimits.servingMs);
  expect(after).toBeLessThan(edgeLimits.servingMs + 2 * edgeLimits.servingLookMs);
});
