/** When a Lease may be taken, by our own clock alone. */

import { expect, test } from "bun:test";
import type { KubeObject } from "#operator/cluster/kinds.ts";
import { freeInMs, seeLease } from "#operator/lead/lease-claim.ts";

const lease = (resourceVersion: string, holderIdentity = "other"): KubeObject => ({
  metadata: { name: "lease", resourceVersion },
  // Its holder's clock is years ahead of ours.
  spec: { holderIdentity, leaseDurationSeconds: 15, leaseTransitions: 4, renewTime: "2100-01-01T00:00:00.000000Z" },
});

test("another's Lease is free once we have seen no change for as long as it lasts", () => {
  const first = seeLease(lease("1"), undefined, 1000);
  expect(freeInMs(first, "me", 1000)).toBe(15_000);
  const same = seeLease(lease("1"), first, 9000);
  expect(freeInMs(same, "me", 9000)).toBe(7000);
  const renewed = seeLease(lease("2"), same, 10_000);
  expect(freeInMs(renewed, "me", 10_000)).toBe(15_000);
  expect(freeInMs(renewed, "me", 25_000)).toBe(0);
});

test("a Lease that was given back, or is our own, is free at once", () => {
  expect(freeInMs(seeLease(lease("1", ""), undefined, 0), "me", 0)).toBe(0);
  expect(freeInMs(seeLease(lease("1", "me"), undefined, 0), "me", 0)).toBe(0);
  expect(seeLease(lease("1"), undefined, 0)).toMatchObject({ holder: "other", transitions: 4 });
});
