/** Edge and uplink: every request, answer and datagram comes back as it was sent, and what is none is refused in words. */

import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import {
  decodeUplinkAnswer,
  decodeUplinkDatagram,
  decodeUplinkGreeting,
  decodeUplinkRequest,
  encodeSessionEvent,
  encodeSessionHead,
  encodeUplinkAnswer,
  encodeUplinkRequest,
  frameData,
  maxPayloadBytes,
  peekUplinkDatagram,
  uplinkAnswers,
  uplinkDatagramHeadBytes,
  uplinkGreetings,
  uplinkRequestBytes,
} from "#wire/uplink-frame.ts";
import { encodeData } from "#test/support/encode-data.ts";
import { pattern, protocolErrorOf } from "./pieces.ts";

const key = fc.uint8Array({ minLength: 8, maxLength: 8 }).map((bytes) => bytes.toHex());
const u32 = fc.integer({ min: 0, max: 2 ** 32 - 1 });
const to = fc.record({ session: fc.integer({ min: 0, max: 2 ** 48 - 1 }), target: key, timeoutMs: u32 });

describe("a request", () => {
  test("comes back as it was sent, always of one length", () => {
    fc.assert(
      fc.property(key, u32, (target, connectTimeoutMs) => {
        const request = { kind: "open", target, connectTimeoutMs } as const;
        const sent = encodeUplinkRequest(request);
        expect(sent.length).toBe(uplinkRequestBytes);
        expect(decodeUplinkRequest(sent)).toEqual(request);
      }),
    );
    for (const kind of ["news", "page", "datagrams"] as const) expect(decodeUplinkRequest(encodeUplinkRequest({ kind }))).toEqual({ kind });
  });

  test("of another version reads as such, and what no edge sends is refused", () => {
    const later = encodeUplinkRequest({ kind: "news" });
    later[2] = 9;
    expect(decodeUplinkRequest(later)).toBe("version");
    expect(() => decodeUplinkRequest(Buffer.from("GET / HTTP/1.1\r\n\r\n"))).toThrow("does not begin as one of an edge");
  });
});

test("every greeting comes back, and nothing else is one", () => {
  for (const kind of ["parked", "page"] as const) expect(decodeUplinkGreeting(uplinkGreetings[kind])).toBe(kind);
  const other = fc.uint8Array({ maxLength: 8 }).filter((bytes) => bytes[0] !== 0x6b);
  fc.assert(fc.property(other, (bytes) => expect(decodeUplinkGreeting(bytes)).toBeUndefined()));
});

test("every answer comes back, and no other byte is one", () => {
  for (const answer of uplinkAnswers) expect(decodeUplinkAnswer(encodeUplinkAnswer(answer)[0] ?? -1)).toBe(answer);
  expect(() => decodeUplinkAnswer(uplinkAnswers.length)).toThrow("which is unknown");
});

describe("a datagram", () => {
  test("comes back as it was sent", () => {
    fc.assert(
      fc.property(to, fc.uint8Array({ maxLength: 2000 }), (session, payload) => {
        const [sent, ...more] = encodeData(session, payload);
        expect(more).toEqual([]);
        expect(decodeUplinkDatagram(sent ?? new Uint8Array())).toEqual({ kind: "data", to: session, part: 0, payload });
      }),
    );
  });

  test("that fills one by itself is sent as two that fit", () => {
    const payload = pattern(maxPayloadBytes);
    const parts = encodeData({ session: 7, target: "00000000000000ff", timeoutMs: 60_000 }, payload);
    expect(parts.every(({ length }) => length <= maxPayloadBytes)).toBe(true);
    const read = parts.map(decodeUplinkDatagram).map((part) => (part.kind === "data" ? part : undefined));
    expect(read.map((part) => part?.part)).toEqual([1, 2]);
    expect(Buffer.concat(read.map((part) => part?.payload ?? new Uint8Array()))).toEqual(Buffer.from(payload));
  });

  test("is the same behind a head that was made before, and behind one that was received", () => {
    fc.assert(
      fc.property(to, fc.constantFrom(0, 1, 1200, 65_000, 65_001, maxPayloadBytes), (session, length) => {
        const sent = encodeData(session, pattern(length));
        expect(frameData(encodeSessionHead(session), pattern(length))).toEqual(sent);
        const [received] = sent;
        expect(frameData((received ?? new Uint8Array()).subarray(0, uplinkDatagramHeadBytes), pattern(length))).toEqual(sent);
      }),
    );
  });

  test("says its kind and session to those that read no more of it", () => {
    fc.assert(
      fc.property(to, (session) => {
        const [whole] = encodeData(session, pattern(3));
        const [first, second] = encodeData(session, pattern(maxPayloadBytes));
        const end = encodeSessionEvent("end", session.session);
        const kinds = [whole, first, second, end].map((bytes) => peekUplinkDatagram(bytes ?? new Uint8Array()));
        expect(kinds).toEqual(["whole", "first", "second", "end"].map((kind) => ({ kind, session: session.session })) as typeof kinds);
      }),
    );
    expect(peekUplinkDatagram(new Uint8Array(uplinkDatagramHeadBytes))).toBeUndefined();
    expect(peekUplinkDatagram(encodeSessionEvent("end", 5).subarray(1))).toBeUndefined();
  });

  test("ends a session, or says that it was refused", () => {
    for (const kind of ["end", "refused"] as const) {
      expect(decodeUplinkDatagram(encodeSessionEvent(kind, 2 ** 40 + 1))).toEqual({ kind, session: 2 ** 40 + 1 });
    }
  });

  test("that is anything else is refused, and never throws another error", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: uplinkDatagramHeadBytes * 2 }), (bytes) => {
        protocolErrorOf(() => decodeUplinkDatagram(bytes));
        protocolErrorOf(() => decodeUplinkRequest(bytes));
      }),
    );
  });
});
