/** What a failed dial says of an uplink: a refused one that it is gone, a short time of one binding nothing. */

import { afterEach, expect, test } from "bun:test";
import { type Clock, systemClock } from "#base/clock.ts";
import { silentLog } from "#base/log.ts";
import { Uplink } from "#edge/uplinks/uplink.ts";
import { wayByAddress } from "#edge/uplinks/uplink-way.ts";
import { keyOf } from "#test/support/edge-rig.ts";
import { EdgeUser, echo } from "#test/support/edge-user.ts";
import { onOverlay, overlay } from "#test/support/overlay.ts";
import { eventually } from "#test/support/wait.ts";

/** A clock for which 1 ms is over before any connection is made. */
const hasty: Clock = {
  ...systemClock,
  after(delayMs, callback) {
    if (delayMs !== 1) return systemClock.after(delayMs, callback);
    queueMicrotask(callback);
    return () => {};
  },
};

const user = new EdgeUser();
afterEach(() => user.leave());

onOverlay("a dial that fails", () => {
  test("for want of a binding's own time leaves the uplink to the others, and refused it takes it out at once", async () => {
    const net = overlay();
    user.later(() => net[Symbol.dispose]());
    const fake = user.uplink(net.uplink(0), keyOf("a"));
    fake.onOpen = echo;
    const health = { intervalMs: 60_000, timeoutMs: 2000, healthyThreshold: 1, unhealthyThreshold: 1 };
    const address = net.uplink(0);
    const options = { ordinal: 0, address, way: wayByAddress(address), clock: hasty, log: silentLog, onDatagram() {} };
    const uplink = new Uplink({ ...options, settings: () => health, onChange: () => {} });
    user.later(() => uplink.close());
    await eventually("it is healthy", () => uplink.isHealthy);
    expect(await uplink.open(keyOf("a"), 1)).toMatchObject({ kind: "unreachable", isLate: true });
    expect(uplink.serves(keyOf("a"))).toBe(true);
    fake.kill();
    await eventually("it is unhealthy", () => !uplink.isHealthy);
    expect(await uplink.open(keyOf("a"), 1000)).toMatchObject({ kind: "unreachable", isLate: false });
  });
});
