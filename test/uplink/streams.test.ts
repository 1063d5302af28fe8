/** Streams of an edge through an uplink, over real sockets: answers, both halves, resets, limits of time, and who may come at all. */

import { afterEach, expect, test } from "bun:test";
import type { Conn } from "#base/conn.ts";
import { type ConnectTcpOptions, type Listener, listenTcp } from "#net/tcp.ts";
import { systemClock } from "#base/clock.ts";
import { silentLog } from "#base/log.ts";
import { memoryPair } from "#test/support/memory-conn.ts";
import { NewsStreams } from "#uplink/streams/news-streams.ts";
import { StreamServer } from "#uplink/streams/stream-server.ts";
import { Targets } from "#uplink/targets/targets.ts";
import { fastClock } from "#test/support/fast-clock.ts";
import { RawClient } from "#test/support/raw-client.ts";
import { Recorder } from "#test/support/recorder.ts";
import { type RigOptions, uplinkDocument, UplinkRig } from "#test/support/uplink-rig.ts";
import { eventually, within } from "#test/support/wait.ts";
import { uplinkLimits } from "#uplink/limits.ts";
import { encodeUplinkRequest, type UplinkAnswer, uplinkAnswers } from "#wire/uplink-frame.ts";

const key = "00112233aabbccdd";
const closing: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});

/** A target whose connections are recorded. */
function targetServer(): { readonly listener: Listener; readonly next: () => Promise<Recorder> } {
  const accepted: Recorder[] = [];
  let taken = 0;
  const listener = listenTcp({ host: "127.0.0.1", port: 0, accept: (conn) => void accepted.push(new Recorder(conn)) });
  closing.push(() => listener.close());
  return {
    listener,
    next: async () => {
      const at = taken++;
      return await eventually("a connection to the target", () => accepted[at]);
    },
  };
}

/** A connection that the network does not answer. */
function unanswered(signal: AbortSignal | undefined): Promise<Conn> {
  return new Promise((_, reject) => signal?.addEventListener("abort", () => reject(signal.reason)));
}

async function rigFor(port: number, options: RigOptions = {}): Promise<UplinkRig> {
  const rig = await UplinkRig.start(uplinkDocument([{ key, port }]), options);
  closing.push(() => rig[Symbol.asyncDispose]());
  await rig.ready();
  return rig;
}

test("a stream that is opened is the target's: bytes both ways, and each half ends by itself", async () => {
  const { listener, next } = targetServer();
  const rig = await rigFor(listener.port);
  const { client, answer } = await rig.open(key);
  expect(answer).toBe("opened");
  const target = await next();
  client.write("question");
  await within(10_000, "the question", target.untilText("question"));
  client.end();
  await within(10_000, "the end of the question", target.untilEnd());
  target.write("answer after the end");
  target.conn.end();
  expect(await within(10_000, "the answer", client.readToEnd())).toBe("\0answer after the end");
  await eventually("the stream to be over", () => rig.uplink.openStreams === 0);
});

test("what an edge sends with its request reaches the target", async () => {
  const { listener, next } = targetServer();
  const rig = await rigFor(listener.port);
  const client = await RawClient.open(rig.uplink.ports.streams);
  const request = encodeUplinkRequest({ kind: "open", target: key, connectTimeoutMs: 1000 });
  client.write(request.subarray(0, 5));
  client.write(Buffer.concat([request.subarray(5), new TextEncoder().encode("early")]));
  const target = await next();
  await within(10_000, "the early bytes", target.untilText("early"));
  client.abort();
});

test("a reset of either side is passed on", async () => {
  const { listener, next } = targetServer();
  const rig = await rigFor(listener.port);
  const first = await rig.open(key);
  const target = await next();
  first.client.abort();
  await within(10_000, "the reset of the edge", target.untilClosed());
  expect(target.error?.code).toBe("connection-lost");
  const second = await rig.open(key);
  (await next()).conn.abort();
  await within(10_000, "the reset of the target", second.client.whenClosed());
  expect(second.client.wasReset).toBe(true);
});

test("a target that refuses, and a key that is not served, are answered", async () => {
  const { listener } = targetServer();
  listener.close();
  const rig = await rigFor(listener.port);
  const refused = await rig.open(key);
  const unknown = await rig.open("ffffffffffffffff");
  expect([refused.answer, unknown.answer]).toEqual(["refused", "unknown"]);
  await within(10_000, "the end of what was refused", refused.client.readToEnd());
  await eventually("no stream to be left", () => rig.uplink.openStreams === 0);
});

test("a request of another version is answered as such, and what is not a request at all is reset without a word", async () => {
  const { listener } = targetServer();
  const rig = await rigFor(listener.port);
  const request = encodeUplinkRequest({ kind: "news" });
  request[2] = 9;
  const newer = await RawClient.open(rig.uplink.ports.streams);
  newer.write(request);
  await newer.received(1);
  expect(uplinkAnswers[newer.bytes()[0] as number]).toBe("version");
  const other = await RawClient.open(rig.uplink.ports.streams);
  other.write("GET / HTTP/1.1\r\n\r\n");
  await within(10_000, "the reset", other.whenClosed());
  expect(other.receivedBytes).toBe(0);
});

test("a peer that says nothing, or not all, is reset in time", async () => {
  const { listener } = targetServer();
  const rig = await rigFor(listener.port, { clock: fastClock(100) });
  const [silent, slow] = [await RawClient.open(rig.uplink.ports.streams), await RawClient.open(rig.uplink.ports.streams)];
  slow.write(encodeUplinkRequest({ kind: "news" }).subarray(0, 15));
  await within(10_000, "both resets", Promise.all([silent.whenClosed(), slow.whenClosed()]));
  expect(uplinkLimits.requestMs).toBeLessThanOrEqual(5000);
});

test("a peer other than the edge is reset, whatever it asks for", async () => {
  const { listener } = targetServer();
  const document = uplinkDocument([{ key, port: listener.port }]);
  await using rig = await UplinkRig.start({ ...document, edge: { ...document.edge, address: "127.0.0.9" } });
  await rig.ready();
  const client = await rig.send({ kind: "open", target: key, connectTimeoutMs: 1000 });
  await within(10_000, "the reset", client.whenClosed());
  expect(client.receivedBytes).toBe(0);
});

test("a target that does not answer is timed out when the edge says so", async () => {
  const rig = await rigFor(9, { connect: ({ signal }) => unanswered(signal) });
  const beginMs = performance.now();
  const { answer } = await rig.open(key, 100);
  expect(answer).toBe("timed-out");
  expect(performance.now() - beginMs).toBeGreaterThanOrEqual(100);
});

test("a target that answers nothing is not dialled more often than the system can bear", async () => {
  const targets = new Targets(systemClock, () => {});
  targets.replace([{ key, protocol: "TCP", address: "127.0.0.1", port: 9 }]);
  const dials: ConnectTcpOptions[] = [];
  const connect = (options: ConnectTcpOptions): Promise<Conn> => {
    dials.push(options);
    return unanswered(options.signal);
  };
  const news = new NewsStreams(systemClock, () => ({ serves: [], isDraining: false }));
  const unasked = { page() {}, datagrams() {} };
  const server = new StreamServer({ targets, news, clock: systemClock, log: silentLog, connect, ...unasked });
  const ask = async (): Promise<UplinkAnswer | undefined> => {
    const [near, far] = memoryPair();
    server.accept(far);
    const recorder = new Recorder(near);
    near.write(encodeUplinkRequest({ kind: "open", target: key, connectTimeoutMs: 10 }));
    await recorder.until(() => recorder.length > 0);
    return uplinkAnswers[recorder.bytes()[0] as number];
  };
  const asked = await Promise.all(Array.from({ length: uplinkLimits.dialsPerTarget / 8 }, ask));
  for (let round = 1; round < 8; round++) asked.push(...(await Promise.all(Array.from({ length: uplinkLimits.dialsPerTarget / 8 }, ask))));
  expect([new Set(asked), dials.length]).toEqual([new Set(["timed-out"]), uplinkLimits.dialsPerTarget]);
  expect(await ask()).toBe("overloaded");
  dials[0]?.onOver?.();
  expect(await ask()).toBe("timed-out");
});

test("an edge that leaves during the dial leaves no connection to the target", async () => {
  const dialled = Promise.withResolvers<AbortSignal | undefined>();
  const rig = await rigFor(9, {
    connect: ({ signal }) => {
      dialled.resolve(signal);
      return unanswered(signal);
    },
  });
  const client = await rig.send({ kind: "open", target: key, connectTimeoutMs: 60_000 });
  const signal = await dialled.promise;
  client.abort();
  await eventually("the dial to be given up", () => signal?.aborted === true && rig.uplink.openStreams === 0);
});
