/** HTTP/2 frames: captures, round trips, any split, what must be refused, floods, random bytes. */

import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { wireLimits } from "#wire/limits.ts";
import { type FrameSink, H2FrameDecoder } from "#wire/h2-decoder.ts";
import {
  encodeFrame,
  encodeGoaway,
  encodeHeadersFrames,
  encodePing,
  encodeReset,
  encodeSettings,
  encodeWindowUpdate,
  frameFlags,
  frameTypes,
  H2Error,
  settingsAck,
} from "#wire/h2-frame.ts";
import { HpackDecoder } from "#wire/hpack.ts";

const fromHex = (hex: string): Uint8Array => new Uint8Array(Buffer.from(hex.replaceAll(" ", ""), "hex"));
const toHex = (bytes: Uint8Array): string => Buffer.from(bytes).toString("hex");
const join = (parts: readonly Uint8Array[]): Uint8Array => new Uint8Array(Buffer.concat(parts));

/** Writes down what a decoder tells; pieces of one stream's data that follow each other become one. */
class Recorder implements FrameSink {
  readonly events: string[] = [];
  idleFrames = 0;
  #data: { streamId: number; hex: string; padding: number } | undefined;

  onDataPiece(streamId: number, bytes: Uint8Array, paddingBytes: number, endStream: boolean): void {
    if (this.#data && this.#data.streamId !== streamId) this.flush();
    this.#data ??= { streamId, hex: "", padding: 0 };
    this.#data.hex += toHex(bytes);
    this.#data.padding += paddingBytes;
    if (endStream) this.flush(" end");
  }
  onHeaderBlock(streamId: number, block: Uint8Array, endStream: boolean): void {
    this.#add(`headers ${streamId} ${toHex(block)}${endStream ? " end" : ""}`);
  }
  onReset(streamId: number, code: number): void {
    this.#add(`reset ${streamId} ${code}`);
  }
  onSettings(settings: readonly (readonly [number, number])[]): void {
    this.#add(`settings ${JSON.stringify(settings)}`);
  }
  onSettingsAck(): void {
    this.#add("settings ack");
  }
  onPing(opaque: Uint8Array, ack: boolean): void {
    this.#add(`ping ${toHex(opaque)}${ack ? " ack" : ""}`);
  }
  onGoaway(lastStreamId: number, code: number): void {
    this.#add(`goaway ${lastStreamId} ${code}`);
  }
  onWindowUpdate(streamId: number, incrementBytes: number): void {
    this.#add(`window ${streamId} ${incrementBytes}`);
  }
  onIdleFrame(): void {
    this.idleFrames++;
  }
  flush(suffix = ""): void {
    if (this.#data) this.events.push(`data ${this.#data.streamId} ${this.#data.hex} +${this.#data.padding}${suffix}`);
    this.#data = undefined;
  }
  #add(event: string): void {
    this.flush();
    this.events.push(event);
  }
}

/** What the bytes say, and how reading them ended when it threw. */
function read(pieces: readonly Uint8Array[]): string[] {
  const recorder = new Recorder();
  const decoder = new H2FrameDecoder(recorder);
  try {
    for (const piece of pieces) decoder.receive(piece);
  } catch (error) {
    recorder.flush();
    return [...recorder.events, error instanceof H2Error ? `error ${error.h2Code} ${error.message}` : `not an H2Error: ${String(error)}`];
  }
  recorder.flush();
  return recorder.events;
}

function split(bytes: Uint8Array, cuts: readonly number[]): Uint8Array[] {
  const at = [0, ...cuts.map((cut) => cut % (bytes.length + 1)).sort((a, b) => a - b), bytes.length];
  return at.slice(1).map((end, index) => bytes.subarray(at[index], end));
}

interface Sample {
  readonly bytes: Uint8Array;
  readonly event: string;
}

const streamId = fc.integer({ min: 1, max: 2 ** 31 - 1 });
const uint32 = fc.integer({ min: 0, max: 2 ** 32 - 1 });
const payload = fc.uint8Array({ maxLength: 60 });
const padded = (bytes: Uint8Array, padding: number): Uint8Array => join([Uint8Array.of(padding), bytes, new Uint8Array(padding)]);

const sample: fc.Arbitrary<Sample> = fc.oneof(
  fc.tuple(streamId, fc.uint8Array({ minLength: 1, maxLength: 60 })).map(([id, bytes]) => ({
    bytes: encodeFrame(frameTypes.data, frameFlags.endStream, id, bytes),
    event: `data ${id} ${toHex(bytes)} +0 end`,
  })),
  fc.tuple(streamId, payload, fc.integer({ min: 0, max: 255 })).map(([id, bytes, padding]) => ({
    bytes: encodeFrame(frameTypes.data, frameFlags.endStream | frameFlags.padded, id, padded(bytes, padding)),
    event: `data ${id} ${toHex(bytes)} +${padding + 1} end`,
  })),
  fc.tuple(streamId, payload, fc.boolean(), fc.integer({ min: 1, max: 30 })).map(([id, block, end, frameBytes]) => ({
    bytes: encodeHeadersFrames(id, block, end, frameBytes),
    event: `headers ${id} ${toHex(block)}${end ? " end" : ""}`,
  })),
  fc.tuple(streamId, payload, fc.integer({ min: 0, max: 40 })).map(([id, block, padding]) => ({
    bytes: encodeFrame(
      frameTypes.headers,
      frameFlags.endHeaders | frameFlags.padded | frameFlags.priority,
      id,
      join([Uint8Array.of(padding, 0, 0, 0, 0, 16), block, new Uint8Array(padding)]),
    ),
    event: `headers ${id} ${toHex(block)}`,
  })),
  fc.tuple(streamId, uint32).map(([id, code]) => ({ bytes: encodeReset(id, code), event: `reset ${id} ${code}` })),
  fc.array(fc.tuple(fc.integer({ min: 0, max: 65535 }), uint32), { maxLength: 5 }).map((settings) => ({
    bytes: encodeSettings(settings),
    event: `settings ${JSON.stringify(settings)}`,
  })),
  fc.constant({ bytes: settingsAck, event: "settings ack" }),
  fc.tuple(fc.uint8Array({ minLength: 8, maxLength: 8 }), fc.boolean()).map(([opaque, ack]) => ({
    bytes: encodePing(opaque, ack),
    event: `ping ${toHex(opaque)}${ack ? " ack" : ""}`,
  })),
  fc.tuple(streamId, uint32).map(([id, code]) => ({ bytes: encodeGoaway(id, code), event: `goaway ${id} ${code}` })),
  fc.tuple(streamId, streamId).map(([id, increment]) => ({ bytes: encodeWindowUpdate(id, increment), event: `window ${id} ${increment}` })),
);
const cuts = fc.array(fc.nat(), { maxLength: 12 });

describe("H2FrameDecoder", () => {
  test("reads back what was written, however it is split", () => {
    fc.assert(
      fc.property(fc.array(sample, { maxLength: 8 }), cuts, (samples, places) => {
        const bytes = join(samples.map((one) => one.bytes));
        const events = samples.map((one) => one.event);
        expect(read([bytes])).toEqual(events);
        expect(read(split(bytes, places))).toEqual(events);
        expect(read([...bytes].map((byte) => Uint8Array.of(byte)))).toEqual(events);
      }),
    );
  });

  test("reads what curl 7.88 (nghttp2) sends after its preface", () => {
    const events = read([
      fromHex(
        "00001204000000000000030000006400040200000000020000000000000408000000000001ff000100001f010500000001828486418ba0e41d139d09b8cb2069bf7a8825b650c3abbcf2e153032a2f2a",
      ),
    ]);
    expect(events.slice(0, 2)).toEqual(["settings [[3,100],[4,33554432],[2,0]]", "window 0 33488897"]);
    const [, block = ""] = /^headers 1 ([0-9a-f]+) end$/.exec(events[2] ?? "") ?? [];
    expect(new HpackDecoder().decode(fromHex(block)).headers).toEqual([
      [":method", "GET"],
      [":path", "/"],
      [":scheme", "http"],
      [":authority", "localhost:33045"],
      ["user-agent", "curl/7.88.1"],
      ["accept", "*/*"],
    ]);
  });

  test("gives DATA at once, by reference", () => {
    const pieces: Uint8Array[] = [];
    const sink = new Recorder();
    sink.onDataPiece = (_, bytes) => pieces.push(bytes);
    const decoder = new H2FrameDecoder(sink);
    const frame = encodeFrame(frameTypes.data, 0, 1, new Uint8Array(1000));
    decoder.receive(frame.subarray(0, 500));
    expect(pieces.map((piece) => piece.length)).toEqual([491]);
    expect(pieces[0]?.buffer).toBe(frame.buffer);
    decoder.receive(frame.subarray(500));
    expect(pieces.map((piece) => piece.length)).toEqual([491, 509]);
  });

  test("drops frames of unknown types, but tells of them", () => {
    const sink = new Recorder();
    const decoder = new H2FrameDecoder(sink);
    const unknown = encodeFrame(0x42, 0xff, 7, new Uint8Array(300));
    for (const byte of join([unknown, encodeFrame(0x10, 0, 0, new Uint8Array(0)), encodeReset(1, 8)])) decoder.receive(Uint8Array.of(byte));
    expect(sink.events).toEqual(["reset 1 8"]);
    expect(sink.idleFrames).toBe(2);
  });

  test("tells of empty DATA and PRIORITY", () => {
    const sink = new Recorder();
    new H2FrameDecoder(sink).receive(join([encodeFrame(0, 0, 1, new Uint8Array(0)), encodeFrame(2, 0, 1, new Uint8Array(5))]));
    expect(sink.idleFrames).toBe(2);
  });

  test("a frame of 16384 bytes passes, one of 16385 does not, before a byte of it came", () => {
    expect(read([encodeFrame(0, 1, 1, new Uint8Array(16384))])[0]).toEndWith("+0 end");
    expect(read([encodeFrame(0, 1, 1, new Uint8Array(16385)).subarray(0, 9)])).toEqual(["error 6 reading HTTP/2: a frame of 16385 bytes"]);
  });

  test("as many settings as the limit pass", () => {
    const settings = Array.from({ length: wireLimits.h2SettingsPerFrame }, (): readonly [number, number] => [3, 7]);
    expect(read([encodeSettings(settings)])[0]).toStartWith("settings");
  });

  const block = (frames: number, bytesEach: number): Uint8Array =>
    join(
      Array.from({ length: frames }, (_, index) =>
        encodeFrame(index === 0 ? 1 : 9, index === frames - 1 ? 4 : 0, 1, new Uint8Array(bytesEach)),
      ),
    );

  test("a header block of the limits passes, a byte or a frame more does not", () => {
    const full = wireLimits.h2HeaderListBytes / 16384;
    expect(read([block(full, 16384)])[0]).toStartWith("headers 1 ");
    expect(read([block(64, 0)])).toEqual(["headers 1 "]);
    const flood = "error 11 reading HTTP/2: a header block of more than 262144 bytes or 64 frames";
    expect(read([block(65, 0)])).toEqual([flood]);
    expect(read([block(full + 1, 16384)])).toEqual([flood]);
  });

  test.each([
    ["DATA on stream 0", "000000 00 00 00000000", "error 1 reading HTTP/2: a frame of type 0 on stream 0"],
    ["SETTINGS on a stream", "000000 04 00 00000001", "error 1 reading HTTP/2: a frame of type 4 on stream 1"],
    [
      "a CONTINUATION alone",
      "000000 09 04 00000001",
      "error 1 reading HTTP/2: a header block that is interrupted or continued without a beginning",
    ],
    [
      "a block that is interrupted",
      "000000 01 00 00000001 000000 00 00 00000001",
      "error 1 reading HTTP/2: a header block that is interrupted or continued without a beginning",
    ],
    [
      "a block continued on another stream",
      "000000 01 00 00000001 000000 09 04 00000003",
      "error 1 reading HTTP/2: a header block that is interrupted or continued without a beginning",
    ],
    ["a push", "000004 05 04 00000001", "error 1 reading HTTP/2: a push that the settings do not allow"],
    ["a PING of 7 bytes", "000007 06 00 00000000", "error 6 reading HTTP/2: a frame of type 6 with 7 bytes"],
    ["SETTINGS of 5 bytes", "000005 04 00 00000000 0000000000", "error 6 reading HTTP/2: SETTINGS of 5 bytes"],
    ["an ack with settings", "000006 04 01 00000000 000000000000", "error 6 reading HTTP/2: SETTINGS of 6 bytes"],
    ["a short GOAWAY", "000004 07 00 00000000 00000000", "error 6 reading HTTP/2: a GOAWAY of 4 bytes"],
    ["DATA with too much padding", "000002 00 08 00000001 0201", "error 1 reading HTTP/2: more padding than frame"],
    ["HEADERS with too much padding", "000002 01 0c 00000001 0201", "error 1 reading HTTP/2: more padding than frame"],
    ["a PRIORITY on itself", "000005 02 00 00000003 0000000310", "error 1 reading HTTP/2: stream 3 depends on itself"],
    ["HEADERS on themselves", "000007 01 2c 00000003 01 8000000310 00", "error 1 reading HTTP/2: stream 3 depends on itself"],
    [
      "more settings than the limit, before a byte of them came",
      "0000c6 04 00 00000000",
      "error 11 reading HTTP/2: more than 32 settings at once",
    ],
    ["DATA without its pad length", "000000 00 08 00000001", "error 6 reading HTTP/2: a padded frame without a pad length"],
  ])("refuses %s", (_, hex, error) => {
    expect(read([fromHex(hex)])).toEqual([error]);
  });

  test("random bytes, and random frames, give events or an H2Error, the same however they are split", () => {
    const frame = fc
      .tuple(fc.nat(12), fc.nat(255), fc.nat(3), payload)
      .map(([type, flags, id, bytes]) => encodeFrame(type, flags, id, bytes));
    fc.assert(
      fc.property(fc.oneof(payload, fc.array(frame, { maxLength: 8 }).map(join)), cuts, (bytes, places) => {
        const events = read([bytes]);
        expect(events.some((event) => event.startsWith("not"))).toBe(false);
        expect(read(split(bytes, places))).toEqual(events);
      }),
      { numRuns: 1000 },
    );
  });
});
