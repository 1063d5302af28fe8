/** A session over a Conn in memory, whose peer answers when the test says so: what leaves when, and what is reported. */

import { describe, expect, test } from "bun:test";
import type { KtError } from "#base/errors.ts";
import { kubeLimits } from "#kube/limits.ts";
import { FlushSchedule } from "#kube/stream/flush-schedule.ts";
import { SpdyDriver, type SpdyHandler } from "#kube/stream/spdy-driver.ts";
import type { SessionEvent } from "#mux/events.ts";
import { muxLimits } from "#mux/limits.ts";
import { SpdySession } from "#mux/session.ts";
import { ManualClock, settle } from "#test/support/manual-clock.ts";
import { memoryPair } from "#test/support/memory-conn.ts";

const headers = new Map([["streamtype", "data"]]);

function rig(overrides: Partial<SpdyHandler> = {}) {
  const clock = new ManualClock();
  const [near, far] = memoryPair();
  const heard: string[] = [];
  let error: KtError | undefined;
  const driver = new SpdyDriver(near, clock, {
    onReply: (stream) => heard.push(`reply ${stream}`),
    onData: (stream, bytes) => heard.push(`data ${stream} ${bytes.length}`),
    onEnd: (stream) => heard.push(`end ${stream}`),
    onReset: (stream) => heard.push(`reset ${stream}`),
    onGoAway: () => heard.push("go-away"),
    onDrain: () => heard.push("drain"),
    onProof: (passed) => heard.push(`proof ${passed}`),
    onClose: (cause) => {
      error = cause;
      heard.push("close");
    },
    ...overrides,
  });
  const mux = new SpdySession({ role: "server" });
  const arrived: SessionEvent["type"][] = [];
  /** Reads that reached the peer. */
  let reads = 0;
  far.start({
    onData: (bytes) => {
      reads += 1;
      mux.receive(bytes, (event) => arrived.push(event.type));
    },
    onEnd() {},
    onDrain() {},
    onClose() {},
  });
  /** The peer sends all that it has to say in one piece. */
  const answer = async (): Promise<void> => {
    far.write(Buffer.concat(mux.take()));
    await settle();
  };
  return { clock, driver, mux, far, heard, arrived, answer, reads: () => reads, error: () => error };
}

describe("what is sent", () => {
  test("leaves together: the streams that are opened with the first bytes on them", async () => {
    const { driver, arrived, reads } = rig();
    const stream = driver.open(headers);
    setImmediate(() => driver.write(stream, new Uint8Array(5)));
    await settle();
    expect([arrived, reads()]).toEqual([["opened", "data"], 1]);
  });

  test("waits for other output where nothing waits for it, and for no more than a moment", async () => {
    const { clock, driver, arrived, reads } = rig();
    const [one, other] = [driver.open(headers), driver.open(headers)];
    await settle();
    driver.end(one, "with-next");
    await settle();
    expect(arrived).toEqual(["opened", "opened"]);
    driver.write(other, new Uint8Array(1));
    await settle();
    expect([arrived.slice(2), reads()]).toEqual([["data", "data"], 2]);
    driver.end(other, "with-next");
    await clock.advance(kubeLimits.flushDelayMs);
    expect(arrived).toHaveLength(5);
  });

  test("leaves once at the earliest moment that was asked for, and later requests count anew", async () => {
    const clock = new ManualClock();
    let flushes = 0;
    const schedule = new FlushSchedule(clock, () => (flushes += 1));
    for (const moment of ["with-next", "after-poll", "soon", "after-poll", "with-next"] as const) schedule.request(moment);
    await Promise.resolve();
    expect(flushes).toBe(1);
    schedule.request("with-next");
    await settle();
    expect(flushes).toBe(1);
    await clock.advance(kubeLimits.flushDelayMs);
    expect(flushes).toBe(2);
  });
});

test("ends that follow each other closely share one timer", async () => {
  const clock = new ManualClock();
  let timers = 0;
  let flushes = 0;
  const counting = {
    now: () => clock.now(),
    wallMs: () => clock.wallMs(),
    after: (delayMs: number, callback: () => void) => {
      timers += 1;
      return clock.after(delayMs, callback);
    },
  };
  const schedule = new FlushSchedule(counting, () => (flushes += 1));
  for (let count = 0; count < 10; count++) {
    schedule.request("with-next");
    schedule.request("soon");
    await Promise.resolve();
  }
  schedule.request("with-next");
  await clock.advance(kubeLimits.flushDelayMs);
  expect([timers, flushes]).toEqual([1, 11]);
});

describe("what comes", () => {
  test("is reported in order, with the data of one read joined", async () => {
    const { driver, mux, heard, answer } = rig();
    const stream = driver.open(headers);
    await settle();
    mux.reply(stream);
    for (let frame = 0; frame < 3; frame++) mux.write(stream, new Uint8Array(10));
    mux.end(stream);
    mux.goAway();
    await answer();
    expect(heard).toEqual(["reply 1", "data 1 30", "end 1", "go-away"]);
  });

  test("is not reported any more once the session is closed, though it was read already", async () => {
    const heard: string[] = [];
    const all = rig({
      onData: () => {
        heard.push("data");
        all.driver.close();
      },
      onEnd: () => heard.push("end"),
      onReset: () => heard.push("reset"),
      onClose: () => heard.push("close"),
    });
    const { driver, mux, answer } = all;
    const [one, other] = [driver.open(headers), driver.open(headers)];
    await settle();
    mux.write(one, new Uint8Array(1));
    mux.write(other, new Uint8Array(1));
    mux.end(one);
    mux.reset(other, 5);
    await answer();
    expect(heard).toEqual(["data"]);
    expect([driver.isOpen, driver.canOpen, driver.write(one, new Uint8Array(1))]).toEqual([false, false, true]);
  });

  test("that is not SPDY closes the session", async () => {
    const { driver, far, heard, error } = rig();
    far.write(Uint8Array.of(0x80, 2, 0, 1, 0, 0, 0, 0));
    await settle();
    expect([heard, driver.isOpen, error()?.code]).toEqual([["close"], false, "protocol"]);
  });

  test("stops when the Conn ends, and says so once", async () => {
    const { driver, far, heard, error } = rig();
    far.end();
    await settle();
    expect([heard, driver.isOpen, error()?.message]).toEqual([["close"], false, "the API server closed the session"]);
  });
});

describe("a silent peer", () => {
  const untilDead = muxLimits.pingIntervalMs + muxLimits.pingTimeoutMs;

  /** Lets time pass, as the tick of every second sees it. */
  async function pass({ clock, driver }: Pick<ReturnType<typeof rig>, "clock" | "driver">, ms: number, pathAlive = true): Promise<void> {
    for (let passed = 0; passed < ms; passed += 1000) {
      await clock.advance(1000);
      driver.tick(clock.now(), pathAlive);
    }
  }

  test("is dead when it answers no ping in time", async () => {
    const all = rig();
    await pass(all, untilDead - 1000);
    expect(all.heard).toEqual([]);
    await pass(all, 1000);
    expect([all.heard, all.error()?.message]).toEqual([["close"], "the session answered no ping within 10 s"]);
  });

  test("lives while it answers", async () => {
    const all = rig();
    for (let second = 0; second < 60; second++) {
      await pass(all, 1000);
      await all.answer();
    }
    expect(all.heard).toEqual([]);
  });

  test("may wait for a program that does not read, as long as others on the way are heard", async () => {
    const all = rig();
    const stream = all.driver.open(headers);
    all.driver.write(stream, new Uint8Array(muxLimits.unreadBytes + 1));
    await pass(all, 5 * untilDead);
    expect(all.heard.filter((event) => event !== "drain")).toEqual([]);
    await pass(all, 1000, false);
    expect(all.heard.at(-1)).toBe("close");
  });

  test("is not judged while we do not read", async () => {
    const all = rig();
    all.driver.pause();
    await pass(all, 5 * untilDead);
    all.driver.resume();
    await pass(all, 1000);
    expect(all.heard).toEqual([]);
  });

  test("gives no proof in time", async () => {
    const all = rig();
    const stream = all.driver.open(headers);
    all.driver.prove();
    expect(all.heard).toEqual(["proof true"]);
    all.driver.doubt(stream);
    all.driver.prove();
    await pass(all, muxLimits.proofMs);
    expect(all.heard).toEqual(["proof true", "proof false"]);
    all.driver.prove();
    await settle();
    await all.answer();
    expect(all.heard).toEqual(["proof true", "proof false", "proof true"]);
  });
});
