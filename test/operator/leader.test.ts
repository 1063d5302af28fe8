/** A leader that cannot renew its Lease, by a clock that is moved by hand. */

import { expect, test } from "bun:test";
import { silentLog } from "#base/log.ts";
import { Leader } from "#operator/lead/leader.ts";
import { operatorLimits } from "#operator/limits.ts";
import { ManualClock } from "#test/support/manual-clock.ts";

const lease = { namespace: "kube-system", name: "lease" };

/** Takes the first write, and answers nothing after that. */
function hangingApi(): ConstructorParameters<typeof Leader>[0]["api"] {
  let isTaken = false;
  const hang = async (signal: AbortSignal): Promise<never> =>
    await new Promise((_, reject) => signal.addEventListener("abort", () => reject(signal.reason), { once: true }));
  return {
    get: async (_path, _access, signal) =>
      isTaken ? await hang(signal) : { metadata: { name: "lease", resourceVersion: "1" }, spec: { holderIdentity: "" } },
    write: async (_method, _path, _body, _access, signal) => {
      if (isTaken) return await hang(signal);
      isTaken = true;
      return { metadata: { name: "lease", resourceVersion: "2" }, spec: { holderIdentity: "me", leaseDurationSeconds: 15 } };
    },
  };
}

test("stops before its Lease ends for others, whatever hangs", async () => {
  const clock = new ManualClock();
  const leader = new Leader({ api: hangingApi(), lease, identity: "me", clock, log: silentLog });
  await leader.acquire(new AbortController().signal);
  const acquiredMs = clock.now();
  const stopped = leader.keep(new AbortController().signal).then((why) => ({ why, atMs: clock.now() }));
  for (let step = 0; step < 150; step++) await clock.advance(100);
  const { why, atMs } = await stopped;
  expect(why).toBe("it could not be renewed in time");
  expect(atMs - acquiredMs).toBeLessThanOrEqual(operatorLimits.leaseGiveUpMs + operatorLimits.leaseRenewMs);
  expect(atMs - acquiredMs).toBeLessThan(operatorLimits.leaseMs);
});
