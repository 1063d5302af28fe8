/** SPDY header blocks: round trip over the shared stream, blocks of a real compressor, random bytes, limits. */

import { describe, expect, test } from "bun:test";
import { constants, deflateRawSync } from "node:zlib";
import fc from "fast-check";
import { concatBytes } from "#base/bytes.ts";
import { wireLimits } from "#wire/limits.ts";
import { pattern, protocolErrorOf } from "#test/wire/pieces.ts";
import { spdyDictionary } from "#wire/spdy-dictionary.ts";
import { SpdyHeaderDecoder, SpdyHeaderEncoder } from "#wire/spdy-headers.ts";
import { ByteWriter } from "#wire/writer.ts";

const zlibHeader = Uint8Array.of(0x78, 0xbb, 0xe3, 0xc6, 0xa7, 0xc2);
const name = fc.string({ unit: fc.constantFrom(..."abcdefghij-"), minLength: 1, maxLength: 12 });
const headers = fc.array(fc.tuple(name, fc.string({ maxLength: 30 })), { maxLength: 6 }).map((pairs) => new Map(pairs));

/** RFC 1950: as far as a zlib stream may refer back. */
const windowBytes = 32 * 1024;

function plainText(header: string, value: string): Uint8Array {
  const writer = new ByteWriter(12 + header.length + value.length).u32(1);
  writer.u32(header.length).put(Buffer.from(header));
  return writer.u32(value.length).put(Buffer.from(value)).finish();
}

/** A first block whose plain text is `plain`. */
function deflated(plain: Uint8Array): Uint8Array {
  const raw = deflateRawSync(plain, { dictionary: spdyDictionary, finishFlush: constants.Z_SYNC_FLUSH });
  return concatBytes([zlibHeader, raw]);
}

describe("SPDY header blocks", () => {
  test("decode to what was encoded, block after block of one connection", () => {
    fc.assert(
      fc.property(fc.array(headers, { maxLength: 6 }), (blocks) => {
        const encoder = new SpdyHeaderEncoder();
        const decoder = new SpdyHeaderDecoder();
        for (const block of blocks) expect(decoder.decode(encoder.encode(block))).toEqual(block);
      }),
    );
  });

  test("may refer back to earlier blocks and the dictionary, as far as the window reaches", () => {
    const decoder = new SpdyHeaderDecoder();
    let past = spdyDictionary;
    for (const length of [100, 20_000, 20_000, 33_000, 5]) {
      const value = String.fromCharCode(...pattern(length).map((byte) => byte & 0x7f));
      const plain = plainText("content-type", value);
      const raw = deflateRawSync(plain, { dictionary: past.subarray(-windowBytes), finishFlush: constants.Z_SYNC_FLUSH });
      const block = past === spdyDictionary ? concatBytes([zlibHeader, raw]) : raw;
      expect(decoder.decode(block)).toEqual(new Map([["content-type", value]]));
      past = concatBytes([past, plain]);
    }
  });

  test("have the bytes that Go's reader needs", () => {
    const encoder = new SpdyHeaderEncoder();
    const first = Buffer.from(encoder.encode(new Map([["Port", "80"]]))).toString("hex");
    const pairs = "00000001" + "00000004" + "706f7274" + "00000002" + "3830";
    expect(first).toBe(`78bbe3c6a7c2${"001200edff"}${pairs}000000ffff`);
    expect(Buffer.from(encoder.encode(new Map())).toString("hex")).toBe("000400fbff00000000000000ffff");
  });

  test("made of random bytes give headers or a protocol error", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 100 }), fc.boolean(), (bytes, begun) => {
        const block = begun ? concatBytes([zlibHeader, bytes]) : bytes;
        protocolErrorOf(() => new SpdyHeaderDecoder().decode(block));
      }),
    );
  });

  test("whose plain text is random give headers or a protocol error", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 60 }), (plain) => {
        protocolErrorOf(() => new SpdyHeaderDecoder().decode(deflated(plain)));
      }),
    );
  });

  test("are inflated up to the limit and not one byte further", () => {
    const lengthBytes = wireLimits.spdyControlFrameBytes;
    const block = (length: number): Uint8Array => deflated(plainText("a", "x".repeat(length - 13)));
    expect(new SpdyHeaderDecoder().decode(block(lengthBytes)).get("a")?.length).toBe(lengthBytes - 13);
    expect(block(lengthBytes + 1).length).toBeLessThan(200);
    expect(protocolErrorOf(() => new SpdyHeaderDecoder().decode(block(lengthBytes + 1)))).toContain("inflated");
  });

  test("with a name twice, with too much and with too little are protocol errors", () => {
    const twice = new ByteWriter(4 + 2 * 9).u32(2);
    for (let n = 0; n < 2; n++) twice.u32(1).u8(0x61).u32(0);
    expect(protocolErrorOf(() => new SpdyHeaderDecoder().decode(deflated(twice.finish())))).toContain('"a" twice');
    const more = new ByteWriter(5).u32(0).u8(1).finish();
    expect(protocolErrorOf(() => new SpdyHeaderDecoder().decode(deflated(more)))).toContain("longer than its headers");
    const less = new ByteWriter(4).u32(0xffffffff).finish();
    expect(protocolErrorOf(() => new SpdyHeaderDecoder().decode(deflated(less)))).toContain("early");
    expect(protocolErrorOf(() => new SpdyHeaderDecoder().decode(Uint8Array.of(0x78, 0x9c, 0, 0, 0, 0)))).toContain("zlib header");
  });

  test("preset the dictionary with the checksum that the zlib header names", () => {
    let low = 1;
    let high = 0;
    for (const byte of spdyDictionary) {
      low = (low + byte) % 65521;
      high = (high + low) % 65521;
    }
    expect([((high << 16) | low) >>> 0, spdyDictionary.length]).toEqual([0xe3c6a7c2, 1423]);
  });
});
