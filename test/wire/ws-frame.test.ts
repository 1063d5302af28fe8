/** WebSocket frames: round trip, any split, random bytes, limits, the order of fragments, and what gorilla/websocket sends. */

import { describe, expect, test } from "bun:test";
import { createHash } from "node:crypto";
import fc from "fast-check";
import { concatBytes } from "#base/bytes.ts";
import { loadHex, loadJson } from "#test/vectors/load.ts";
import { cut, pattern, protocolErrorOf, singleBytes } from "#test/wire/pieces.ts";
import { WsDecoder } from "#wire/ws-decoder.ts";
import { applyMask, encodeWsClose, encodeWsFrame, maxControlPayloadBytes, wsAccept, wsCloseCodes, wsOpcodes } from "#wire/ws-frame.ts";

type Role = "client" | "server";
type Seen = { readonly kind: string; readonly bytes: Uint8Array; readonly fin?: boolean; readonly code?: number; readonly reason?: string };

/** Everything a decoder tells; the pieces of a message joined. */
function decode(role: Role, pieces: readonly Uint8Array[]): Seen[] {
  const seen: Seen[] = [];
  let open: Uint8Array[] = [];
  const decoder = new WsDecoder(role, {
    onMessage(kind, bytes, fin) {
      open.push(bytes);
      if (!fin) return;
      seen.push({ kind, bytes: concatBytes(open) });
      open = [];
    },
    onPing: (bytes) => seen.push({ kind: "ping", bytes }),
    onPong: (bytes) => seen.push({ kind: "pong", bytes }),
    onClose: (code, reason) => seen.push({ kind: "close", bytes: new Uint8Array(0), code, reason }),
  });
  for (const piece of pieces) decoder.decode(piece);
  return seen;
}

/** The peer's masking. */
const maskFor = (role: Role): number | undefined => (role === "server" ? 0x12a4f6e8 : undefined);

interface Message {
  readonly kind: "text" | "binary" | "ping" | "pong";
  readonly fragments: readonly Uint8Array[];
}

function encodeMessage(message: Message, mask: number | undefined): Uint8Array {
  const frames = message.fragments.map((bytes, index) => {
    const opcode = index === 0 ? wsOpcodes[message.kind] : wsOpcodes.continuation;
    return encodeWsFrame(opcode, [bytes.subarray(0, 3), bytes.subarray(3)], { mask, fin: index === message.fragments.length - 1 });
  });
  return concatBytes(frames);
}

const bytes = fc.uint8Array({ maxLength: 300 });
const message: fc.Arbitrary<Message> = fc.oneof(
  fc.record({ kind: fc.constantFrom("text" as const, "binary" as const), fragments: fc.array(bytes, { minLength: 1, maxLength: 3 }) }),
  fc.record({ kind: fc.constantFrom("ping" as const, "pong" as const), fragments: fc.tuple(fc.uint8Array({ maxLength: 125 })) }),
);
const places = fc.array(fc.nat(), { maxLength: 12 });

describe.each<Role>(["client", "server"])("a %s's decoder", (role) => {
  const mask = maskFor(role);

  test("gets what was encoded, however the bytes are split", () => {
    fc.assert(
      fc.property(fc.array(message, { maxLength: 5 }), places, (messages, cuts) => {
        const wire = concatBytes(messages.map((one) => encodeMessage(one, mask)));
        const expected = messages.map(({ kind, fragments }) => ({ kind, bytes: concatBytes(fragments) }));
        expect(decode(role, [wire])).toEqual(expected);
        expect(decode(role, cut(wire, cuts))).toEqual(expected);
        expect(decode(role, singleBytes(wire))).toEqual(expected);
      }),
    );
  });

  test("gives messages or a protocol error for random bytes", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), places, (wire, cuts) => {
        protocolErrorOf(() => decode(role, cut(wire, cuts)));
      }),
    );
  });

  test.each([0, 125, 126, 127, 0xffff, 0x10000])("reads a payload of %d bytes", (length) => {
    const wire = encodeWsFrame(wsOpcodes.binary, [pattern(length)], { mask });
    expect(decode(role, [wire])).toEqual([{ kind: "binary", bytes: pattern(length) }]);
  });

  test("takes control frames between fragments, and hears the close with its reason", () => {
    const wire = concatBytes([
      encodeWsFrame(wsOpcodes.binary, [pattern(4)], { mask, fin: false }),
      encodeWsFrame(wsOpcodes.ping, [pattern(2)], { mask }),
      encodeWsFrame(wsOpcodes.continuation, [pattern(3)], { mask }),
      encodeWsClose(wsCloseCodes.goingAway, "gone", mask),
      encodeWsFrame(wsOpcodes.binary, [pattern(9)], { mask }),
    ]);
    const close = { kind: "close", bytes: new Uint8Array(0), code: 1001, reason: "gone" };
    const binary = { kind: "binary", bytes: concatBytes([pattern(4), pattern(3)]) };
    expect(decode(role, singleBytes(wire))).toEqual([{ kind: "ping", bytes: pattern(2) }, binary, close]);
    expect(decode(role, [encodeWsFrame(wsOpcodes.close, [], { mask })])).toMatchObject([{ kind: "close", code: 1005, reason: "" }]);
  });

  test("refuses what RFC 6455 forbids", () => {
    const data = encodeWsFrame(wsOpcodes.binary, [pattern(4)], { mask });
    const changed = (at: number, value: number): string | undefined => {
      const wire = data.slice();
      wire[at] = value;
      return protocolErrorOf(() => decode(role, [wire]));
    };
    const masked = mask === undefined ? 0 : 0x80;
    expect(changed(0, 0xc2)).toContain("extension");
    expect(changed(0, 0x83)).toContain("opcode 3");
    expect(changed(0, 0x80)).toContain("opcode 0");
    expect(changed(0, 0x8b)).toContain("opcode 11");
    expect(changed(0, 0x09)).toContain("control frame");
    expect(changed(1, 4 | (masked ^ 0x80))).toContain("masking");
    const fragment = encodeWsFrame(wsOpcodes.binary, [pattern(4)], { mask, fin: false });
    expect(protocolErrorOf(() => decode(role, [fragment, data]))).toContain("unexpected");
    const oneByteClose = encodeWsFrame(wsOpcodes.close, [pattern(1)], { mask });
    expect(protocolErrorOf(() => decode(role, [oneByteClose]))).toContain("early");
  });

  test("takes control frames at their limit and none longer", () => {
    const atLimit = encodeWsFrame(wsOpcodes.ping, [pattern(maxControlPayloadBytes)], { mask });
    expect(decode(role, [atLimit])).toEqual([{ kind: "ping", bytes: pattern(maxControlPayloadBytes) }]);
    const longer = encodeWsFrame(wsOpcodes.binary, [pattern(maxControlPayloadBytes + 1)], { mask });
    longer[0] = 0x89;
    expect(protocolErrorOf(() => decode(role, [longer.subarray(0, mask === undefined ? 4 : 8)]))).toContain("126 bytes");
    const impossible = Uint8Array.of(0x82, mask === undefined ? 127 : 255, 0x7f, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0);
    expect(protocolErrorOf(() => decode(role, [impossible]))).toContain("impossible length");
  });
});

describe("WebSocket payloads", () => {
  test("reach a client as views, at once", () => {
    const wire = encodeWsFrame(wsOpcodes.binary, [pattern(1000)]);
    const pieces: Uint8Array[] = [];
    const ignore = (): void => {};
    const onMessage = (_: string, piece: Uint8Array): unknown => pieces.push(piece);
    const decoder = new WsDecoder("client", { onMessage, onPing: ignore, onPong: ignore, onClose: ignore });
    decoder.decode(wire.subarray(0, 500));
    expect(pieces).toEqual([pattern(1000).subarray(0, 496)]);
    expect(pieces[0]?.buffer).toBe(wire.buffer);
  });

  test("are unmasked in a copy: received bytes stay as they are", () => {
    const wire = encodeWsFrame(wsOpcodes.binary, [pattern(100)], { mask: 0x01020304 });
    const before = wire.slice();
    decode("server", [wire]);
    expect(wire).toEqual(before);
  });

  test("are masked as the plain definition says, at any phase and alignment", () => {
    const word = fc.integer({ min: 0, max: 0xffffffff });
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 40 }), word, fc.nat(9), fc.nat(4), (plain, mask, phase, offset) => {
        const key = [mask >>> 24, mask >>> 16, mask >>> 8, mask];
        const expected = plain.map((byte, at) => byte ^ (key[(at + phase) % 4] as number));
        const masked = new Uint8Array(offset + plain.length).subarray(offset);
        masked.set(plain);
        applyMask(masked, mask, phase);
        expect(masked).toEqual(expected);
      }),
    );
  });

  test("of a close frame are cut to what fits, between characters", () => {
    const [close] = decode("client", [encodeWsClose(1011, "ü".repeat(100))]);
    expect(close).toMatchObject({ code: 1011, reason: "ü".repeat(61) });
  });
});

interface Recorded {
  readonly key: string;
  readonly accept: string;
  readonly messages: readonly { readonly kind: string; readonly payload: string }[];
}

describe("the recording of gorilla/websocket", () => {
  const inHex = ({ kind, bytes, code, reason }: Seen): { kind: string; payload: string } => {
    const payload = code === undefined ? Buffer.from(bytes) : Buffer.concat([Buffer.from([code >> 8, code]), Buffer.from(reason ?? "")]);
    return { kind, payload: payload.toString("hex") };
  };

  test.each([
    ["ws-client", "server"],
    ["ws-server", "client"],
  ] as const)("%s is understood by a %s, whole and byte by byte", async (name, role) => {
    const wire = await loadHex(name);
    const { messages } = await loadJson<Recorded>("ws");
    expect(decode(role, [wire]).map(inHex)).toEqual([...messages]);
    expect(decode(role, singleBytes(wire))).toEqual(decode(role, [wire]));
  });

  test("has the Sec-WebSocket-Accept that we compute", async () => {
    const { key, accept } = await loadJson<Recorded>("ws");
    expect(wsAccept(key, (text) => createHash("sha1").update(text).digest())).toBe(accept);
  });
});
