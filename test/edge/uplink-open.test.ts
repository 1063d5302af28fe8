/** What a failed dial says of an uplink: a refused one that it is gone, one that was late or not answered nothing before a probe has confirmed it. */

import { afterEach, expect, test } from "bun:test";
import { type Clock, systemClock } from "#base/clock.ts";
import type { Conn } from "#base/conn.ts";
import { KtError } from "#base/errors.ts";
import { silentLog } from "#base/log.ts";
import { Uplink } from "#edge/uplinks/uplink.ts";
import { type UplinkWay, wayByAddress } from "#edge/uplinks/uplink-way.ts";
import { keyOf } from "#test/support/edge-rig.ts";
import { EdgeUser, echo } from "#test/support/edge-user.ts";
import { onOverlay, overlay } from "#test/support/overlay.ts";
import { eventually } from "#test/support/wait.ts";

const health = { intervalMs: 60_000, timeoutMs: 2000, healthyThreshold: 1, unhealthyThreshold: 1 };
const user = new EdgeUser();
afterEach(() => user.leave());

/** A healthy uplink, whose next connection is made as `dials.connect` says. The next time on its clock is over at once where `isHasty`. */
async function healthyUplink() {
  const net = overlay();
  user.later(() => net[Symbol.dispose]());
  const fake = user.uplink(net.uplink(0), keyOf("a"));
  fake.onOpen = echo;
  const way = wayByAddress(net.uplink(0));
  const dials = { connect: way.connect, isHasty: false };
  const clock: Clock = {
    ...systemClock,
    after(delayMs, callback) {
      if (!dials.isHasty) return systemClock.after(delayMs, callback);
      dials.isHasty = false;
      queueMicrotask(callback);
      return () => {};
    },
  };
  const steered: UplinkWay = { ...way, connect: (signal) => dials.connect(signal) };
  const options = { ordinal: 0, address: fake.address, way: steered, clock, log: silentLog, onDatagram() {} };
  const uplink = new Uplink({ ...options, settings: () => health, onChange: () => {} });
  user.later(() => uplink.close());
  await eventually("it is healthy", () => uplink.isHealthy);
  return { uplink, fake, dials };
}

type Dial = "late" | "refused" | "reset" | "unanswered";
interface Row {
  readonly dial: Dial;
  readonly connectTimeoutMs: number;
  readonly isReady: boolean;
  readonly atOnce: boolean;
  readonly afterProbe: boolean;
}

const never = (signal: AbortSignal): Promise<Conn> =>
  new Promise((_, reject) => signal.addEventListener("abort", () => reject(signal.reason)));
const refuse = (): Promise<Conn> => Promise.reject(new KtError("connection-lost", "connection refused"));
/** By one that has more connections at this moment than it accepts. */
const reset = (): Promise<Conn> => Promise.reject(Object.assign(new Error("Failed to connect"), { code: "ECONNRESET" }));

/** Whether it still serves, once the dial is over and once the probe that follows is. */
const rows: readonly Row[] = [
  { dial: "late", connectTimeoutMs: 1, isReady: true, atOnce: true, afterProbe: true },
  { dial: "late", connectTimeoutMs: health.timeoutMs, isReady: true, atOnce: true, afterProbe: true },
  { dial: "late", connectTimeoutMs: 5000, isReady: false, atOnce: true, afterProbe: false },
  { dial: "unanswered", connectTimeoutMs: 5000, isReady: true, atOnce: true, afterProbe: true },
  { dial: "unanswered", connectTimeoutMs: 5000, isReady: false, atOnce: true, afterProbe: false },
  { dial: "reset", connectTimeoutMs: 5000, isReady: true, atOnce: true, afterProbe: true },
  { dial: "reset", connectTimeoutMs: 5000, isReady: false, atOnce: true, afterProbe: false },
  { dial: "refused", connectTimeoutMs: 5000, isReady: true, atOnce: false, afterProbe: true },
];

onOverlay("an uplink whose dial was", () => {
  test.each(rows)("$dial in $connectTimeoutMs ms serves at once: $atOnce, after a probe (ready: $isReady): $afterProbe", async (row) => {
    const { uplink, fake, dials } = await healthyUplink();
    const probes = fake.probes;
    if (!row.isReady) fake.readyStatus = 503;
    fake.answer = () => (row.dial === "unanswered" ? "close" : "opened");
    if (row.dial === "late") Object.assign(dials, { connect: never, isHasty: true });
    if (row.dial === "refused") dials.connect = refuse;
    if (row.dial === "reset") dials.connect = reset;
    await uplink.open(keyOf("a"), row.connectTimeoutMs);
    expect(uplink.serves(keyOf("a"))).toBe(row.atOnce);
    await eventually("it was asked once more, and heard", () => fake.probes > probes && uplink.serves(keyOf("a")) === row.afterProbe);
  });

  test("refused by one that is gone stays out", async () => {
    const { uplink, fake } = await healthyUplink();
    fake.kill();
    await eventually("it is unhealthy", () => !uplink.isHealthy);
    expect(await uplink.open(keyOf("a"), 1000)).toMatchObject({ kind: "unreachable", isDoubtful: false });
    expect(uplink.serves(keyOf("a"))).toBe(false);
  });
});
