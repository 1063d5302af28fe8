/** The hub answers where the machine's resolver asks, from when that is set up, for whatever is attached. */

import { expect, test } from "bun:test";
import { daemonLimits } from "#daemon/limits.ts";
import { WiredDns } from "#daemon/wired-dns.ts";
import type { ListenAddress } from "#profile/values/plan.ts";
import { ManualClock } from "#test/support/manual-clock.ts";

test("a set-up that comes, changes and goes while the hub runs is found, and reported once", async () => {
  const clock = new ManualClock();
  const told: (readonly ListenAddress[])[] = [];
  let now: readonly ListenAddress[] = [];
  const part = new WiredDns({ read: () => [...now], clock, onChange: (addresses) => told.push(addresses) });
  for (const next of [[], [{ host: "127.0.0.1", port: 8953 }], [{ host: "127.0.0.1", port: 8953 }], [{ host: "::1", port: 53 }], []]) {
    now = next;
    await clock.advance(daemonLimits.setupCheckMs);
  }
  part.release();
  now = [{ host: "127.0.0.1", port: 1 }];
  await clock.advance(10 * daemonLimits.setupCheckMs);
  expect(told).toEqual([[{ host: "127.0.0.1", port: 8953 }], [{ host: "::1", port: 53 }], []]);
});
