/** A SPDY session against one of the other role in memory: streams, halves, resets, pings, limits, any split, random bytes. */

import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { concatBytes } from "#base/bytes.ts";
import { KtError } from "#base/errors.ts";
import { muxLimits } from "#mux/limits.ts";
import type { SessionEvent } from "#mux/events.ts";
import { SpdySession } from "#mux/session.ts";
import { cut, pattern, protocolErrorOf } from "#test/wire/pieces.ts";
import { encodeControlFrame, resetStatus } from "#wire/spdy-frame.ts";
import { SpdyHeaderEncoder } from "#wire/spdy-headers.ts";

const headers = new Map([
  ["streamtype", "data"],
  ["port", "80"],
]);

/** Two sessions joined in memory; `flush` carries what each has to say to the other until both are silent. */
function pair() {
  const client = new SpdySession({ role: "client" });
  const server = new SpdySession({ role: "server" });
  const clientEvents: SessionEvent[] = [];
  const serverEvents: SessionEvent[] = [];
  const carry = (from: SpdySession, to: SpdySession, events: SessionEvent[]): boolean => {
    const chunks = from.take();
    for (const chunk of chunks) to.receive(chunk, (event) => events.push(event));
    return chunks.length > 0;
  };
  const flush = (): void => {
    while (carry(client, server, serverEvents) || carry(server, client, clientEvents));
  };
  return { client, server, clientEvents, serverEvents, flush };
}

function dataOf(events: readonly SessionEvent[], stream: number): Uint8Array {
  return concatBytes(events.flatMap((event) => (event.type === "data" && event.stream === stream ? [event.bytes] : [])));
}

describe("a stream", () => {
  test("opens with its headers, is replied to, and carries bytes both ways", () => {
    const { client, server, clientEvents, serverEvents, flush } = pair();
    const stream = client.open(headers);
    client.write(stream, pattern(10));
    flush();
    expect(serverEvents[0]).toEqual({ type: "opened", stream, headers });
    server.reply(stream);
    server.write(stream, pattern(200_000));
    flush();
    expect(clientEvents[0]).toEqual({ type: "replied", stream });
    expect(dataOf(serverEvents, stream)).toEqual(pattern(10));
    expect(dataOf(clientEvents, stream)).toEqual(pattern(200_000));
  });

  test("ends one half at a time and is forgotten when both are over", () => {
    const { client, server, clientEvents, serverEvents, flush } = pair();
    const stream = client.open(headers);
    client.end(stream);
    client.write(stream, pattern(5));
    flush();
    expect(serverEvents.at(-1)).toEqual({ type: "data", stream, bytes: new Uint8Array(0), fin: true });
    expect([client.openStreams, server.openStreams]).toEqual([1, 1]);
    server.write(stream, pattern(7));
    server.end(stream);
    flush();
    expect(dataOf(clientEvents, stream)).toEqual(pattern(7));
    expect(clientEvents.at(-1)).toMatchObject({ type: "data", fin: true });
    expect([client.openStreams, server.openStreams]).toEqual([0, 0]);
  });

  test("opened with fin has no local half", () => {
    const { client, serverEvents, flush } = pair();
    const stream = client.open(headers, { fin: true });
    client.write(stream, pattern(5));
    flush();
    expect(serverEvents.map((event) => event.type)).toEqual(["opened", "data"]);
    expect(serverEvents[1]).toMatchObject({ fin: true });
  });

  test("that is reset ends alone; what was on its way for it is dropped", () => {
    const { client, server, clientEvents, serverEvents, flush } = pair();
    const first = client.open(headers);
    const second = client.open(headers);
    flush();
    server.write(first, pattern(100));
    server.write(second, pattern(100));
    client.reset(first, resetStatus.cancel);
    client.write(first, pattern(3));
    flush();
    expect(dataOf(clientEvents, first).length).toBe(0);
    expect(dataOf(clientEvents, second)).toEqual(pattern(100));
    expect(serverEvents).toContainEqual({ type: "reset", stream: first, status: resetStatus.cancel });
    expect([client.openStreams, server.openStreams]).toEqual([1, 1]);
  });

  test("may be reset from within an event, and the rest of the same chunk is dropped", () => {
    const { client, server, flush } = pair();
    const stream = client.open(headers);
    flush();
    server.write(stream, pattern(1));
    server.write(stream, pattern(2));
    const events: SessionEvent[] = [];
    client.receive(concatBytes(server.take()), (event) => {
      events.push(event);
      client.reset(stream, resetStatus.cancel);
    });
    expect(events.length).toBe(1);
  });
});

describe("what SPDY forbids or kubelet never sends", () => {
  const fin = Uint8Array.of(0, 0, 0, 1, 1, 0, 0, 1, 7);

  test("data after FIN, a second FIN and data for a stream that never was are dropped", () => {
    const { client, server, serverEvents, flush } = pair();
    client.open(headers);
    flush();
    for (let times = 0; times < 2; times++) server.receive(fin, (event) => serverEvents.push(event));
    server.receive(Uint8Array.of(0, 0, 0, 9, 0, 0, 0, 1, 7), (event) => serverEvents.push(event));
    expect(serverEvents.map((event) => event.type)).toEqual(["opened", "data"]);
    expect(server.take()).toEqual([]);
  });

  test("a unidirectional stream has no half of ours, and is over with the peer's", () => {
    const { server, serverEvents } = pair();
    const headerBlock = new SpdyHeaderEncoder().encode(headers);
    const open = { type: "syn-stream", stream: 1, associatedTo: 0, priority: 0, fin: false, unidirectional: true, headerBlock } as const;
    server.receive(encodeControlFrame(open), (event) => serverEvents.push(event));
    server.write(1, pattern(5));
    expect(server.take()).toEqual([]);
    expect(server.openStreams).toBe(1);
    server.receive(fin, (event) => serverEvents.push(event));
    expect(server.openStreams).toBe(0);
  });

  test("HEADERS with FIN end a stream, replies for unknown streams and SETTINGS do nothing", () => {
    const { client, clientEvents } = pair();
    const stream = client.open(headers);
    client.take();
    const headerBlock = new SpdyHeaderEncoder().encode(headers);
    const receive = (frame: Parameters<typeof encodeControlFrame>[0]): void =>
      client.receive(encodeControlFrame(frame), (event) => clientEvents.push(event));
    receive({ type: "syn-reply", stream: 99, fin: false, headerBlock });
    receive({ type: "settings", clear: false, settings: [{ flags: 0, id: 7, value: 65536 }] });
    receive({ type: "window-update", stream, delta: 1 });
    expect(clientEvents).toEqual([]);
    receive({ type: "headers", stream, fin: true, headerBlock });
    expect(clientEvents).toEqual([{ type: "data", stream, bytes: new Uint8Array(0), fin: true }]);
    expect(client.take()).toEqual([]);
  });
});

describe("the session", () => {
  test("joins small pieces into one chunk and passes large payloads by reference", () => {
    const { client } = pair();
    const stream = client.open(headers);
    client.write(stream, pattern(100));
    client.ping();
    expect(client.take().length).toBe(1);
    const large = pattern(muxLimits.dataFrameBytes);
    client.write(stream, large);
    const chunks = client.take();
    expect(chunks.map((chunk) => chunk.length)).toEqual([8, muxLimits.dataFrameBytes]);
    expect(chunks[1]?.buffer).toBe(large.buffer);
    expect(client.take()).toEqual([]);
  });

  test("puts at most 128 KiB into one frame", () => {
    const { client } = pair();
    const stream = client.open(headers);
    client.take();
    client.write(stream, pattern(2 * muxLimits.dataFrameBytes + 1));
    const bytes = concatBytes(client.take());
    expect(bytes.length).toBe(2 * muxLimits.dataFrameBytes + 1 + 3 * 8);
    expect([...bytes.subarray(5, 8)]).toEqual([2, 0, 0]);
  });

  test("numbers streams and pings by its role", () => {
    const { client, server, clientEvents, serverEvents, flush } = pair();
    expect([client.open(headers), client.open(headers)]).toEqual([1, 3]);
    expect([client.ping(), client.ping()]).toEqual([1, 3]);
    expect(server.ping()).toBe(2);
    flush();
    expect(clientEvents).toEqual([
      { type: "pinged", id: 2 },
      { type: "pong", id: 1 },
      { type: "pong", id: 3 },
    ]);
    expect(serverEvents.filter((event) => event.type === "pong")).toEqual([{ type: "pong", id: 2 }]);
  });

  test("takes no new streams after GOAWAY, from either side, and keeps the present ones", () => {
    const { client, server, clientEvents, flush } = pair();
    const stream = client.open(headers);
    flush();
    server.goAway();
    flush();
    expect(clientEvents).toEqual([{ type: "going-away", lastGoodStream: stream }]);
    expect(client.canOpen).toBe(false);
    expect(() => client.open(headers)).toThrow(KtError);
    server.write(stream, pattern(4));
    flush();
    expect(dataOf(clientEvents, stream)).toEqual(pattern(4));
  });

  test("refuses streams that a server pushes, wrong ids and streams past the limit", () => {
    const statusOf = (session: SpdySession, stream: number, encoder = new SpdyHeaderEncoder()): number | undefined => {
      const headerBlock = encoder.encode(headers);
      const bytes = encodeControlFrame({
        type: "syn-stream",
        stream,
        associatedTo: 0,
        priority: 0,
        fin: false,
        unidirectional: false,
        headerBlock,
      });
      session.take();
      session.receive(bytes, () => {});
      return session.take()[0]?.at(-1);
    };
    expect(statusOf(new SpdySession({ role: "client" }), 2)).toBe(resetStatus.refusedStream);
    const { server } = pair();
    const encoder = new SpdyHeaderEncoder();
    expect(statusOf(server, 4, encoder)).toBe(resetStatus.protocolError);
    for (let n = 0; n < muxLimits.streamsPerSession; n++) expect(statusOf(server, 2 * n + 1, encoder)).toBeUndefined();
    expect(statusOf(server, 1, encoder)).toBe(resetStatus.protocolError);
    expect(statusOf(server, 2 * muxLimits.streamsPerSession + 1, encoder)).toBe(resetStatus.refusedStream);
    expect(server.openStreams).toBe(muxLimits.streamsPerSession);
  });
});

/** One step of a random conversation: who acts, on which of its streams, and how. */
const step = fc.record({
  by: fc.constantFrom("client" as const, "server" as const),
  on: fc.nat(5),
  act: fc.oneof(
    { weight: 2, arbitrary: fc.constant({ kind: "open" as const }) },
    { weight: 6, arbitrary: fc.record({ kind: fc.constant("write" as const), length: fc.nat(3 * muxLimits.dataFrameBytes) }) },
    { weight: 2, arbitrary: fc.constant({ kind: "end" as const }) },
    { weight: 1, arbitrary: fc.constant({ kind: "reset" as const }) },
    { weight: 1, arbitrary: fc.constant({ kind: "ping" as const }) },
    { weight: 3, arbitrary: fc.record({ kind: fc.constant("flush" as const), cuts: fc.array(fc.nat(), { maxLength: 4 }) }) },
  ),
});

/** What one side has sent on a stream, and what the other has heard. */
interface Half {
  sent: number;
  sentFin: boolean;
  heard: number;
  heardFin: boolean;
}

test("whatever two sides do, every stream's bytes arrive once, in order, and end once", () => {
  const halfOf = (halves: Map<number, Half>, stream: number): Half => {
    const half = halves.get(stream) ?? { sent: 0, sentFin: false, heard: 0, heardFin: false };
    halves.set(stream, half);
    return half;
  };
  fc.assert(
    fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
      const sessions = { client: new SpdySession({ role: "client" }), server: new SpdySession({ role: "server" }) };
      const from = { client: new Map<number, Half>(), server: new Map<number, Half>() };
      const known: number[] = [];
      const opened: number[] = [];
      const wasReset = new Set<number>();
      const deliver = (by: "client" | "server", cuts: readonly number[]): void => {
        const to = by === "client" ? "server" : "client";
        const wire = concatBytes([new Uint8Array(0), ...sessions[by].take()]);
        for (const piece of cut(wire, cuts)) {
          sessions[to].receive(piece, (event) => {
            if (event.type === "opened") opened.push(event.stream);
            if (event.type === "reset") wasReset.add(event.stream);
            if (event.type !== "data") return;
            const half = halfOf(from[by], event.stream);
            expect(half.heardFin).toBe(false);
            expect(event.bytes.every((byte, at) => byte === ((half.heard + at) & 0xff))).toBe(true);
            half.heard += event.bytes.length;
            half.heardFin = event.fin;
          });
        }
      };
      for (const { by, on, act } of steps) {
        const stream = known[on % Math.max(1, known.length)];
        const half = stream === undefined ? undefined : halfOf(from[by], stream);
        const mayAct = half && !half.sentFin && !wasReset.has(stream ?? 0) && (by === "client" || opened.includes(stream ?? 0));
        if (act.kind === "open") known.push(sessions.client.open(headers));
        else if (act.kind === "ping") sessions[by].ping();
        else if (act.kind === "flush") deliver(by, act.cuts);
        else if (stream === undefined || !half || !mayAct) continue;
        else if (act.kind === "write") {
          const start = half.sent;
          sessions[by].write(
            stream,
            new Uint8Array(act.length).map((_, at) => start + at),
          );
          half.sent += act.length;
        } else if (act.kind === "end") {
          sessions[by].end(stream);
          half.sentFin = true;
        } else {
          sessions[by].reset(stream, resetStatus.cancel);
          wasReset.add(stream);
        }
      }
      for (let round = 0; round < 2; round++) for (const by of ["client", "server"] as const) deliver(by, []);
      const open = { client: 0, server: 0 };
      for (const stream of known) {
        if (wasReset.has(stream)) continue;
        const halves = [halfOf(from.client, stream), halfOf(from.server, stream)];
        for (const half of halves) expect([half.heard, half.heardFin]).toEqual([half.sent, half.sentFin]);
        if (!halves.every((half) => half.sentFin)) for (const side of ["client", "server"] as const) open[side]++;
      }
      expect({ client: sessions.client.openStreams, server: sessions.server.openStreams }).toEqual(open);
    }),
    { numRuns: 60 },
  );
});

describe.each(["client", "server"] as const)("a %s", (role) => {
  test("gives events or a protocol error for random bytes", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), fc.array(fc.nat(), { maxLength: 8 }), (bytes, cuts) => {
        const session = new SpdySession({ role });
        protocolErrorOf(() => {
          for (const piece of cut(bytes, cuts)) session.receive(piece, () => {});
        });
      }),
    );
  });

  test("lives through any well-formed control frame", () => {
    const frame = fc.record({
      type: fc.constantFrom(2, 3, 4, 6, 7, 9, 10, 200),
      flags: fc.nat(255),
      word: fc.nat(12),
      status: fc.nat(12),
    });
    fc.assert(
      fc.property(fc.array(frame, { maxLength: 20 }), (frames) => {
        const session = new SpdySession({ role });
        if (role === "client") session.open(headers);
        session.take();
        for (const { type, flags, word, status } of frames) {
          const bytes = Uint8Array.of(0x80, 3, 0, type, flags, 0, 0, 8, 0, 0, 0, word, 0, 0, 0, status);
          protocolErrorOf(() => session.receive(bytes, () => {}));
        }
        expect(concatBytes([new Uint8Array(0), ...session.take()]).length).toBeLessThanOrEqual(12 * frames.length);
      }),
    );
  });
});
