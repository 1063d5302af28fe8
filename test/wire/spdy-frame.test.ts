/** SPDY frames: round trip, any split, random bytes, limits, and what spdystream puts on the wire. */

import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { concatBytes } from "#base/bytes.ts";
import { wireLimits } from "#wire/limits.ts";
import { loadHex, loadJson } from "#test/vectors/load.ts";
import { cut, pattern, protocolErrorOf, singleBytes } from "#test/wire/pieces.ts";
import { SpdyDecoder } from "#wire/spdy-decoder.ts";
import { encodeControlFrame, frameHeaderBytes, maxStreamId, type SpdyControlFrame, writeDataHeader } from "#wire/spdy-frame.ts";
import { SpdyHeaderDecoder } from "#wire/spdy-headers.ts";

type DataFrame = { readonly type: "data"; readonly stream: number; readonly fin: boolean; readonly bytes: Uint8Array };
type SendableFrame = Exclude<SpdyControlFrame, { type: "unknown" }>;
type Frame = DataFrame | SpdyControlFrame;

function encode(frame: DataFrame | SendableFrame): Uint8Array {
  if (frame.type !== "data") return encodeControlFrame(frame);
  const bytes = new Uint8Array(frameHeaderBytes + frame.bytes.length);
  writeDataHeader(bytes, 0, frame.stream, frame.bytes.length, frame.fin);
  bytes.set(frame.bytes, frameHeaderBytes);
  return bytes;
}

/** Everything the decoder tells; data as it comes. */
function decodePieces(pieces: readonly Uint8Array[]): Frame[] {
  const frames: Frame[] = [];
  const decoder = new SpdyDecoder({
    onControl: (frame) => frames.push(frame),
    onData: (stream, bytes, fin) => frames.push({ type: "data", stream, fin, bytes }),
  });
  for (const piece of pieces) decoder.decode(piece);
  return frames;
}

/** The same with data joined until its stream ends: where a frame without FIN ends is not told, nor need it be. */
function decode(pieces: readonly Uint8Array[]): Frame[] {
  const frames: Frame[] = [];
  for (const frame of decodePieces(pieces)) {
    const before = frames.at(-1);
    if (frame.type === "data" && before?.type === "data" && before.stream === frame.stream && !before.fin) {
      frames[frames.length - 1] = { ...frame, bytes: concatBytes([before.bytes, frame.bytes]) };
    } else frames.push(frame);
  }
  return frames;
}

const streamId = fc.integer({ min: 1, max: maxStreamId });
const word = fc.integer({ min: 0, max: 0xffffffff });
const headerBlock = fc.uint8Array({ maxLength: 80 });
const setting = fc.record({ flags: fc.integer({ min: 0, max: 255 }), id: fc.integer({ min: 0, max: 0xffffff }), value: word });

const controlFrame: fc.Arbitrary<SendableFrame> = fc.oneof(
  fc.record({
    type: fc.constant("syn-stream" as const),
    stream: streamId,
    associatedTo: fc.integer({ min: 0, max: maxStreamId }),
    priority: fc.integer({ min: 0, max: 7 }),
    fin: fc.boolean(),
    unidirectional: fc.boolean(),
    headerBlock,
  }),
  fc.record({ type: fc.constantFrom("syn-reply" as const, "headers" as const), stream: streamId, fin: fc.boolean(), headerBlock }),
  fc.record({ type: fc.constant("rst-stream" as const), stream: streamId, status: word }),
  fc.record({ type: fc.constant("settings" as const), clear: fc.boolean(), settings: fc.array(setting, { maxLength: 4 }) }),
  fc.record({ type: fc.constant("ping" as const), id: word }),
  fc.record({ type: fc.constant("go-away" as const), lastGoodStream: fc.integer({ min: 0, max: maxStreamId }), status: word }),
  fc.record({ type: fc.constant("window-update" as const), stream: streamId, delta: fc.integer({ min: 0, max: maxStreamId }) }),
);
/** Data frames end their stream, so that where each ends can be seen in what the decoder tells. */
const dataFrame: fc.Arbitrary<DataFrame> = fc.record({
  type: fc.constant("data" as const),
  stream: streamId,
  fin: fc.constant(true),
  bytes: fc.uint8Array({ maxLength: 200 }),
});
const frames = fc.array(fc.oneof(controlFrame, dataFrame), { maxLength: 8 });

const places = fc.array(fc.nat(), { maxLength: 12 });

describe("SPDY frames", () => {
  test("decode to what was encoded, however the bytes are split", () => {
    fc.assert(
      fc.property(frames, places, (sent, cuts) => {
        const bytes = concatBytes(sent.map(encode));
        expect(decode([bytes])).toEqual(sent);
        expect(decode(cut(bytes, cuts))).toEqual(sent);
        expect(decode(singleBytes(bytes))).toEqual(sent);
      }),
    );
  });

  test("made of random bytes give frames or a protocol error", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 400 }), places, (bytes, cuts) => {
        protocolErrorOf(() => decode(cut(bytes, cuts)));
      }),
    );
  });

  test("of every control type made of random bytes give frames or a protocol error", () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 12 }), fc.nat(255), fc.uint8Array({ maxLength: 40 }), (type, flags, payload) => {
        const head = Uint8Array.of(0x80, 3, 0, type, flags, 0, 0, payload.length);
        protocolErrorOf(() => expect(decode([concatBytes([head, payload])]).length).toBe(1));
      }),
    );
  });

  test("carry data on at once, as views on what came", () => {
    const bytes = encode({ type: "data", stream: 5, fin: true, bytes: pattern(100) });
    const seen: { bytes: Uint8Array; fin: boolean }[] = [];
    const decoder = new SpdyDecoder({ onControl: () => {}, onData: (_, data, fin) => seen.push({ bytes: data, fin }) });
    decoder.decode(bytes.subarray(0, 30));
    expect(seen).toEqual([{ bytes: pattern(100).subarray(0, 22), fin: false }]);
    expect(seen[0]?.bytes.buffer).toBe(bytes.buffer);
    decoder.decode(bytes.subarray(30));
    expect(seen.at(-1)).toEqual({ bytes: pattern(100).subarray(22), fin: true });
  });

  test("an empty data frame with FIN is reported once", () => {
    const bytes = encode({ type: "data", stream: 5, fin: true, bytes: new Uint8Array(0) });
    expect(decode([bytes])).toEqual([{ type: "data", stream: 5, fin: true, bytes: new Uint8Array(0) }]);
  });

  test("of 16 MiB pass without being held", () => {
    const head = new Uint8Array(frameHeaderBytes);
    writeDataHeader(head, 0, 1, 0xffffff, true);
    let passed = 0;
    const decoder = new SpdyDecoder({ onControl: () => {}, onData: (_, data) => (passed += data.length) });
    decoder.decode(head);
    for (let sent = 0; sent < 0xffffff; sent += 4095) {
      decoder.decode(new Uint8Array(Math.min(4095, 0xffffff - sent)));
      expect(passed).toBe(Math.min(sent + 4095, 0xffffff));
    }
  });

  test("with a control frame at the limit pass, one byte longer are refused before they arrive", () => {
    const headOf = (length: number): Uint8Array => Uint8Array.of(0x80, 3, 0, 99, 0, length >>> 16, length >>> 8, length);
    const atLimit = concatBytes([headOf(wireLimits.spdyControlFrameBytes), new Uint8Array(wireLimits.spdyControlFrameBytes)]);
    expect(decode([atLimit])).toEqual([{ type: "unknown", typeNumber: 99 }]);
    expect(protocolErrorOf(() => decode([headOf(wireLimits.spdyControlFrameBytes + 1)]))).toContain(
      `${wireLimits.spdyControlFrameBytes + 1} bytes`,
    );
  });

  test("of another version, of stream 0 and of a wrong length are protocol errors", () => {
    expect(protocolErrorOf(() => decode([Uint8Array.of(0x80, 2, 0, 6, 0, 0, 0, 4, 0, 0, 0, 1)]))).toContain("version 2");
    expect(protocolErrorOf(() => decode([new Uint8Array(8)]))).toContain("stream 0");
    expect(protocolErrorOf(() => decode([Uint8Array.of(0x80, 3, 0, 6, 0, 0, 0, 2, 0, 0)]))).toContain("ends 2 bytes early");
    expect(protocolErrorOf(() => decode([Uint8Array.of(0x80, 3, 0, 4, 0, 0, 0, 4, 0xff, 0xff, 0xff, 0xff)]))).toContain("SETTINGS");
  });
});

interface Recorded {
  readonly type: string;
  readonly stream?: number;
  readonly id?: number;
  readonly status?: number;
  readonly fin?: boolean;
  readonly headers?: Readonly<Record<string, string>>;
  readonly data?: string;
}

/** Our frames in the words of the recording. */
function describeFrames(frames: readonly Frame[]): Recorded[] {
  const headers = new SpdyHeaderDecoder();
  return frames.map((frame): Recorded => {
    switch (frame.type) {
      case "data":
        return { type: "data", stream: frame.stream, fin: frame.fin, data: Buffer.from(frame.bytes).toString("hex") };
      case "syn-stream":
      case "syn-reply":
      case "headers":
        return { type: frame.type, stream: frame.stream, fin: frame.fin, headers: Object.fromEntries(headers.decode(frame.headerBlock)) };
      case "go-away":
        return { type: "go-away", stream: frame.lastGoodStream, status: frame.status };
      default:
        return frame as Recorded;
    }
  });
}

describe.each(["spdy-client", "spdy-server"])("the recording %s", (name) => {
  test("is read as spdystream reads it, and the same byte by byte", async () => {
    const bytes = await loadHex(name);
    const recorded = await loadJson<Recorded[]>(name);
    expect(recorded.length).toBeGreaterThan(10);
    expect(describeFrames(decodePieces([bytes]))).toEqual(recorded);
    expect(decode(singleBytes(bytes))).toEqual(decode([bytes]));
  });
});
