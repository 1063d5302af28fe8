/** Two ends of a session with a relay, joined in memory: streams, halves, credit, resets, datagrams, and peers that lie. */

import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { concatBytes } from "#base/bytes.ts";
import type { Conn } from "#base/conn.ts";
import { KtError } from "#base/errors.ts";
import { RelayFlow } from "#mux/relay-flow.ts";
import { type FlushLater, RelaySession } from "#mux/relay-session.ts";
import { RelayStream } from "#mux/relay-stream.ts";
import { memoryPair } from "#test/support/memory-conn.ts";
import { pattern } from "#test/wire/pieces.ts";
import {
  encodeRelayFrame,
  initialCreditBytes,
  maxRelayDataBytes,
  maxRelayPayloadBytes,
  type RelayAddress,
  relayHeaderBytes,
  relayVersion,
} from "#wire/relay-frame.ts";

const turns = async (count = 40): Promise<void> => {
  for (let turn = 0; turn < count; turn++) await new Promise(setImmediate);
};

const atTurnsEnd: FlushLater = (_, flush) => void setImmediate(flush);

/** Keeps all that a Conn reports. */
function record(conn: Conn) {
  const heard = { chunks: [] as Uint8Array[], ended: false, drained: 0, closed: false, error: undefined as KtError | undefined };
  conn.start({
    onData: (bytes) => void heard.chunks.push(bytes),
    onEnd: () => Object.assign(heard, { ended: true }),
    onDrain: () => void heard.drained++,
    onClose: (error) => Object.assign(heard, { closed: true, error }),
  });
  return { ...heard, heard, bytes: () => concatBytes(heard.chunks) };
}

function endOf(conn: Conn, role: "client" | "relay", later: FlushLater = atTurnsEnd) {
  const seen = {
    hellos: [] as string[],
    opened: [] as { channel: RelayStream | RelayFlow; to: RelayAddress }[],
    pongs: [] as number[],
    goneAway: false,
    error: undefined as KtError | undefined,
  };
  const session = new RelaySession({
    conn,
    role,
    id: role,
    later,
    handler: {
      onHello: (id) => void seen.hellos.push(id),
      onOpen: (channel, to) => void seen.opened.push({ channel, to }),
      onHeard: () => {},
      onPong: (id) => void seen.pongs.push(id),
      onGoAway: () => Object.assign(seen, { goneAway: true }),
      onClose: (error) => Object.assign(seen, { error }),
    },
  });
  return { session, seen };
}

/** `later`: of the relay's end. */
function joined(options: { highWaterBytes?: number } = {}, later?: FlushLater) {
  const [near, far] = memoryPair(options);
  /** How many bytes the client wrote, each time. */
  const writes: number[] = [];
  const write = near.write.bind(near);
  near.write = (bytes) => {
    writes.push(bytes.length);
    return write(bytes);
  };
  return { client: endOf(near, "client"), relay: endOf(far, "relay", later), writes };
}

async function openedPair(ends: ReturnType<typeof joined>): Promise<[RelayStream, RelayStream]> {
  const near = ends.client.session.openStream("db.shop", 5432);
  await turns();
  const far = ends.relay.seen.opened.at(-1)?.channel;
  if (!(far instanceof RelayStream)) throw new Error("not a stream");
  return [near, far];
}

describe("a stream", () => {
  test("leads where it was asked to, is accepted, and carries bytes both ways", async () => {
    const ends = joined();
    const [near, far] = await openedPair(ends);
    expect(ends.relay.seen.opened[0]?.to).toEqual({ transport: "tcp", host: "db.shop", port: 5432 });
    expect(ends.relay.seen.hellos).toEqual(["client"]);
    expect(ends.client.seen.hellos).toEqual(["relay"]);
    let accepted = 0;
    near.onOpened = () => accepted++;
    far.accept();
    const [atNear, atFar] = [record(near), record(far)];
    near.write(pattern(300_000));
    far.write(pattern(100_000));
    await turns();
    expect(accepted).toBe(1);
    expect(atFar.bytes()).toEqual(pattern(300_000));
    expect(atNear.bytes()).toEqual(pattern(100_000));
  });

  test("carries what was written before the relay has said anything", async () => {
    const ends = joined();
    const near = ends.client.session.openStream("web", 80);
    near.write(pattern(10));
    near.end();
    await turns();
    const atFar = record(ends.relay.seen.opened[0]?.channel as RelayStream);
    expect(atFar.bytes()).toEqual(pattern(10));
    expect(atFar.heard.ended).toBe(true);
  });

  test("ends one half at a time, and closes when both are over", async () => {
    const ends = joined();
    const [near, far] = await openedPair(ends);
    const [atNear, atFar] = [record(near), record(far)];
    near.end();
    await turns();
    expect(atFar.heard).toMatchObject({ ended: true, closed: false });
    far.write(pattern(5000));
    far.end();
    await turns();
    expect(atNear.bytes()).toEqual(pattern(5000));
    expect(atNear.heard).toMatchObject({ ended: true, closed: true, error: undefined });
    expect(atFar.heard).toMatchObject({ closed: true, error: undefined });
    expect(ends.client.session.openStreams + ends.relay.session.openStreams).toBe(0);
  });

  test("is refused with its reason, and others go on", async () => {
    const ends = joined();
    const [near, far] = await openedPair(ends);
    const [other, otherFar] = await openedPair(ends);
    const [atNear, atOther] = [record(near), record(other)];
    far.refuse("refused", "connection refused");
    otherFar.write(pattern(7));
    await turns();
    expect(atNear.heard.error).toMatchObject({ reason: "refused", message: "connection refused" });
    expect(atOther.bytes()).toEqual(pattern(7));
  });

  test("that is not read gets its credit and no more, and stops no other", async () => {
    const ends = joined();
    const [stalled, stalledFar] = await openedPair(ends);
    record(stalledFar);
    const atStalled = record(stalled);
    stalled.pause();
    expect(stalledFar.write(pattern(1_000_000))).toBe(false);
    const [near, far] = await openedPair(ends);
    const atNear = record(near);
    record(far);
    far.write(pattern(500_000));
    await turns(100);
    expect(atNear.bytes()).toEqual(pattern(500_000));
    expect(atStalled.bytes().length).toBe(0);
    stalled.resume();
    await turns(100);
    expect(atStalled.bytes()).toEqual(pattern(1_000_000));
  });

  test("tells its writer when there is room again", async () => {
    const ends = joined({ highWaterBytes: 1000 });
    const [near, far] = await openedPair(ends);
    const atNear = record(near);
    const atFar = record(far);
    atFar.heard.drained = 0;
    near.pause();
    expect(far.write(pattern(initialCreditBytes + 1))).toBe(false);
    await turns();
    expect(atFar.heard.drained).toBe(0);
    near.resume();
    await turns();
    expect(atFar.heard.drained).toBe(1);
    expect(atNear.bytes().length).toBe(initialCreditBytes + 1);
  });
});

describe("a session", () => {
  test("carries any writes on any number of streams, whole and in order, over a connection of any room", async () => {
    const writes = fc.array(fc.tuple(fc.nat(5), fc.integer({ min: 0, max: 200_000 }), fc.boolean()), { maxLength: 30 });
    await fc.assert(
      fc.asyncProperty(writes, fc.integer({ min: 1, max: 300_000 }), async (list, highWaterBytes) => {
        const ends = joined({ highWaterBytes });
        const pairs = await Promise.all(Array.from({ length: 6 }, () => ends.client.session.openStream("x", 1)));
        await turns();
        const fars = ends.relay.seen.opened.map(({ channel }) => channel as RelayStream);
        const got = [...pairs, ...fars].map(record);
        const sent = got.map(() => [] as Uint8Array[]);
        for (const [at, length, isNear] of list) {
          const bytes = pattern(length);
          const [from, to] = isNear ? [pairs[at], at + 6] : [fars[at], at];
          from?.write(bytes);
          sent[to]?.push(bytes);
        }
        for (const stream of [...pairs, ...fars]) stream.end();
        await turns(600);
        for (const [at, { bytes, heard }] of got.entries()) {
          expect(Buffer.compare(bytes(), concatBytes(sent[at] ?? []))).toBe(0);
          expect(heard).toMatchObject({ ended: true, closed: true, error: undefined });
        }
      }),
      { numRuns: 25 },
    );
  });

  test("writes once for what is sent in one turn, however many streams and sockets it came from", async () => {
    const ends = joined();
    const pairs = [await openedPair(ends), await openedPair(ends), await openedPair(ends)];
    const before = ends.writes.length;
    const got = pairs.map(([near, far]) => {
      record(near);
      return record(far);
    });
    for (const [near] of pairs) {
      near.write(pattern(100));
      // As after each socket that is read.
      await Promise.resolve();
    }
    await turns();
    expect(ends.writes.slice(before)).toEqual([3 * (relayHeaderBytes + 100)]);
    for (const { bytes } of got) expect(bytes()).toEqual(pattern(100));
  });

  test("passes on what is large without a copy, in one frame, and what came in several frames at once", async () => {
    const ends = joined();
    const [near, far] = await openedPair(ends);
    record(near);
    const atFar = record(far);
    const before = ends.writes.length;
    near.write(pattern(initialCreditBytes));
    await turns();
    expect(ends.writes.slice(before)).toEqual([relayHeaderBytes, initialCreditBytes]);
    atFar.heard.chunks.length = 0;
    for (let at = 0; at < 4; at++) near.write(pattern(1000));
    await turns();
    expect(atFar.heard.chunks.map(({ length }) => length)).toEqual([4000]);
    expect(atFar.bytes()).toEqual(concatBytes(Array.from({ length: 4 }, () => pattern(1000))));
  });

  test("keeps what no client waits for until something else leaves", async () => {
    const flushes: { readonly type: string; readonly flush: () => void }[] = [];
    const ends = joined({}, (type, flush) => {
      if (type === "turn") setImmediate(flush);
      else flushes.push({ type, flush });
    });
    const [near, far] = await openedPair(ends);
    const [atNear] = [record(near), record(far)];
    near.end();
    await turns();
    far.accept();
    far.end();
    await turns();
    expect(near.isOpened).toBe(false);
    expect(flushes.map(({ type }) => type)).toEqual(["opened", "last-end"]);
    for (const { flush } of flushes) flush();
    await turns();
    expect(near.isOpened).toBe(true);
    expect(atNear.heard).toMatchObject({ ended: true, closed: true, error: undefined });
  });

  test("what was not opened goes another way where it has one; flows and other streams stay", async () => {
    const { client } = joined();
    const lost: string[] = [];
    const [flow, stream] = [client.session.openFlow("dns", 53), client.session.openStream("db", 5432)];
    flow.start({ onDatagram() {}, onUnreachable() {}, onClose: () => void lost.push("flow") });
    stream.start({ onData() {}, onEnd() {}, onDrain() {}, onClose: () => void lost.push("stream") });
    const waiting = client.session.openStream("db", 5432);
    waiting.start({ onData() {}, onEnd() {}, onDrain() {}, onClose: () => void lost.push("waiting") });
    client.session.failUnopened(new Set([stream]), new KtError("connection-lost", "the relay does not answer"));
    await turns();
    expect(lost).toEqual(["stream"]);
  });

  test("carries datagrams whole, and drops those that find no room", async () => {
    const ends = joined();
    const flow = ends.client.session.openFlow("dns", 53);
    await turns();
    const far = ends.relay.seen.opened[0]?.channel;
    if (!(far instanceof RelayFlow)) throw new Error("not a flow");
    const got: number[] = [];
    far.start({ onDatagram: (bytes) => void got.push(bytes.length), onUnreachable() {}, onClose: () => {} });
    expect([1, 512, 65_507].map((length) => flow.send(pattern(length)))).toEqual([true, true, true]);
    expect(flow.send(pattern(65_536))).toBe(false);
    await turns();
    expect(got).toEqual([1, 512, 65_507]);
  });

  test("answers pings, says goodbye, and ends every stream with the connection", async () => {
    const ends = joined();
    const [near] = await openedPair(ends);
    const atNear = record(near);
    const id = ends.client.session.ping();
    await turns();
    expect(ends.client.seen.pongs).toEqual([id]);
    ends.relay.session.leave();
    await turns();
    expect(ends.client.seen.goneAway).toBe(true);
    expect(atNear.heard.closed).toBe(true);
    expect(ends.client.session.canOpen).toBe(false);
  });

  test("with a relay of another version ends with a sentence that says so, at both ends", async () => {
    const [near, far] = memoryPair();
    const client = endOf(near, "client");
    const atFar = record(far);
    far.write(encodeRelayFrame({ type: "hello", version: relayVersion + 1, id: "" }));
    await turns();
    expect(client.seen.error).toMatchObject({ code: "relay-failed" });
    expect(client.seen.error?.message).toContain(`version ${relayVersion + 1}`);
    expect(atFar.bytes().length).toBeGreaterThan(0);
  });

  test("does not survive bytes of anything else, and holds no more than it may", async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.uint8Array({ maxLength: 2000 }), { maxLength: 20 }), fc.boolean(), async (chunks, greets) => {
        const [near, far] = memoryPair();
        const { session, seen } = endOf(near, "relay");
        record(far);
        if (greets) far.write(encodeRelayFrame({ type: "hello", version: relayVersion, id: "" }));
        for (const chunk of chunks) far.write(chunk);
        await turns(5);
        expect(session.isClosed).toBe(seen.error !== undefined);
        if (seen.error) expect(["protocol", "relay-failed", "connection-lost"]).toContain(seen.error.code);
      }),
    );
  });

  test("ends when the peer sends a longer frame than any kt does", async () => {
    for (const [type, most] of [
      [3, maxRelayDataBytes],
      [7, maxRelayPayloadBytes],
    ] as const) {
      for (const lengthBytes of [most, most + 1]) {
        const [near, far] = memoryPair();
        const { seen } = endOf(near, "relay");
        record(far);
        far.write(encodeRelayFrame({ type: "hello", version: relayVersion, id: "" }));
        far.write(new Uint8Array([lengthBytes >> 16, lengthBytes >> 8, lengthBytes, type, 0, 0, 0, 1]));
        await turns();
        expect(seen.error?.code).toBe(lengthBytes > most ? "protocol" : undefined);
      }
    }
  });

  test("ends when the peer sends more than its credit", async () => {
    const [near, far] = memoryPair({ highWaterBytes: 1e9 });
    const { seen } = endOf(near, "relay");
    record(far);
    far.write(encodeRelayFrame({ type: "hello", version: relayVersion, id: "" }));
    far.write(encodeRelayFrame({ type: "open", stream: 1, to: { transport: "tcp", host: "x", port: 1 } }));
    for (let sent = 0; sent <= initialCreditBytes; sent += 60_000) {
      const header = new Uint8Array([0, 60_000 >> 8, 60_000 & 255, 3, 0, 0, 0, 1]);
      far.write(concatBytes([header, new Uint8Array(60_000)]));
    }
    await turns();
    expect(seen.error).toMatchObject({ code: "protocol" });
  });
});
