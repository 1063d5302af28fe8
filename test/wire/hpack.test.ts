/** HPACK: the examples of RFC 7541 Appendix C, round trips, the table against a naive one, limits, random bytes. */

import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { KtError } from "#base/errors.ts";
import { wireLimits } from "#wire/limits.ts";
import { HpackDecoder, encodeHeaderBlock } from "#wire/hpack.ts";
import { decodeHuffman } from "#wire/hpack-huffman.ts";
import type { Header } from "#wire/http-head.ts";

const fromHex = (hex: string): Uint8Array => new Uint8Array(Buffer.from(hex.replaceAll(" ", ""), "hex"));
const toHex = (bytes: Uint8Array): string => Buffer.from(bytes).toString("hex");

function failure(decode: () => unknown): string {
  try {
    return `no failure: ${JSON.stringify(decode())}`;
  } catch (error) {
    return error instanceof KtError && error.code === "protocol" ? error.message : `not a protocol error: ${String(error)}`;
  }
}

const requests: readonly (readonly Header[])[] = [
  [
    [":method", "GET"],
    [":scheme", "http"],
    [":path", "/"],
    [":authority", "www.example.com"],
  ],
  [
    [":method", "GET"],
    [":scheme", "http"],
    [":path", "/"],
    [":authority", "www.example.com"],
    ["cache-control", "no-cache"],
  ],
  [
    [":method", "GET"],
    [":scheme", "https"],
    [":path", "/index.html"],
    [":authority", "www.example.com"],
    ["custom-key", "custom-value"],
  ],
];

describe("RFC 7541 Appendix C", () => {
  test.each([
    ["C.2.1 literal with indexing", "400a 6375 7374 6f6d 2d6b 6579 0d63 7573 746f 6d2d 6865 6164 6572", ["custom-key", "custom-header"]],
    ["C.2.2 literal without indexing", "040c 2f73 616d 706c 652f 7061 7468", [":path", "/sample/path"]],
    ["C.2.3 literal never indexed", "1008 7061 7373 776f 7264 0673 6563 7265 74", ["password", "secret"]],
    ["C.2.4 indexed", "82", [":method", "GET"]],
  ])("%s", (_, hex, field) => {
    expect(new HpackDecoder().decode(fromHex(hex)).headers).toEqual([[field[0] ?? "", field[1] ?? ""]]);
  });

  test.each([
    [
      "C.3 without Huffman",
      [
        "8286 8441 0f77 7777 2e65 7861 6d70 6c65 2e63 6f6d",
        "8286 84be 5808 6e6f 2d63 6163 6865",
        "8287 85bf 400a 6375 7374 6f6d 2d6b 6579 0c63 7573 746f 6d2d 7661 6c75 65",
      ],
    ],
    [
      "C.4 with Huffman",
      [
        "8286 8441 8cf1 e3c2 e5f2 3a6b a0ab 90f4 ff",
        "8286 84be 5886 a8eb 1064 9cbf",
        "8287 85bf 4088 25a8 49e9 5ba9 7d7f 8925 a849 e95b b8e8 b4bf",
      ],
    ],
  ])("%s: three requests of one connection", (_, blocks) => {
    const decoder = new HpackDecoder();
    for (const [index, hex] of blocks.entries()) expect(decoder.decode(fromHex(hex)).headers).toEqual(requests[index] ?? []);
  });

  test("C.6 responses with a table of 256 bytes, which evicts", () => {
    const decoder = new HpackDecoder();
    const date = "Mon, 21 Oct 2013 20:13:21 GMT";
    // A table size update to 256 stands before the first block, as the setting of the example would make it.
    const first = decoder.decode(
      fromHex(
        "3fe101 4882 6402 5885 aec3 771a 4b61 96d0 7abe 9410 54d4 44a8 2005 9504 0b81 66e0 82a6 2d1b ff6e 919d 29ad 1718 63c7 8f0b 97c8 e9ae 82ae 43d3",
      ),
    );
    const fields = (status: string, when: string): Header[] => [
      [":status", status],
      ["cache-control", "private"],
      ["date", when],
      ["location", "https://www.example.com"],
    ];
    expect(first.headers).toEqual(fields("302", date));
    expect(decoder.decode(fromHex("4883 640e ffc1 c0bf")).headers).toEqual(fields("307", date));
    const third = decoder.decode(
      fromHex(
        "88c1 6196 d07a be94 1054 d444 a820 0595 040b 8166 e084 a62d 1bff c05a 839b d9ab 77ad 94e7 821d d7f2 e6c7 b335 dfdf cd5b 3960 d5af 2708 7f36 72c1 ab27 0fb5 291f 9587 3160 65c0 03ed 4ee5 b106 3d50 07",
      ),
    );
    expect(third.headers).toEqual([
      ...fields("200", "Mon, 21 Oct 2013 20:13:22 GMT"),
      ["content-encoding", "gzip"],
      ["set-cookie", "foo=ASDJKHQKBZXOQWEOPIUAXQWEOIU; max-age=3600; version=1"],
    ]);
  });

  test("C.1 integers", () => {
    const decoder = new HpackDecoder();
    // A size update to 1337 (C.1.2), then one to 10 (C.1.1).
    expect(decoder.decode(fromHex("3f9a0a 2a")).headers).toEqual([]);
  });
});

describe("encodeHeaderBlock", () => {
  test("uses the static table, and marks secrets as never indexed", () => {
    expect(
      toHex(
        encodeHeaderBlock([
          [":method", "GET"],
          [":status", "200"],
          ["accept-encoding", "gzip, deflate"],
        ]),
      ),
    ).toBe("828890");
    expect(toHex(encodeHeaderBlock([["authorization", "x"]]))).toBe("1f080178");
    expect(toHex(encodeHeaderBlock([["x-a", "b"]]))).toBe("0003782d610162");
    expect(toHex(encodeHeaderBlock([[":path", "/"]], true))).toBe("2084");
  });

  const text = fc.string({ unit: fc.integer({ min: 0, max: 255 }).map((code) => String.fromCharCode(code)), maxLength: 300 });
  const known = fc.constantFrom(":path", ":authority", "cookie", "content-type", "authorization", "x-request-id", "accept");
  const list = fc.array(fc.tuple(fc.oneof(known, text), text), { maxLength: 20 });

  test("what it writes reads back, in any order of blocks", () => {
    fc.assert(
      fc.property(list, list, fc.boolean(), (one, other, forget) => {
        const decoder = new HpackDecoder(Number.POSITIVE_INFINITY);
        expect(decoder.decode(encodeHeaderBlock(one, forget))).toEqual({ headers: one, tooLarge: false });
        expect(decoder.decode(encodeHeaderBlock(other))).toEqual({ headers: other, tooLarge: false });
        expect(decoder.decode(encodeHeaderBlock(one))).toEqual({ headers: one, tooLarge: false });
      }),
    );
  });

  test("lengths around every integer boundary", () => {
    for (const length of [0, 126, 127, 128, 254, 255, 16509, 16510, 16511, 100_000]) {
      const headers: Header[] = [["x", "y".repeat(length)]];
      expect(new HpackDecoder(Number.POSITIVE_INFINITY).decode(encodeHeaderBlock(headers)).headers).toEqual(headers);
    }
  });
});

describe("HpackDecoder", () => {
  /** A block that adds each field to the table. */
  const adding = (fields: readonly Header[]): Uint8Array =>
    Uint8Array.from(fields.flatMap(([name, value]) => [0x40, name.length, ...Buffer.from(name), value.length, ...Buffer.from(value)]));

  test("the table holds what a naive one holds", () => {
    const short = fc.stringMatching(/^[a-z]{1,30}$/);
    const longer = fc.stringMatching(/^[a-z]{0,120}$/);
    fc.assert(
      fc.property(
        fc.array(fc.tuple(short, longer), { minLength: 1, maxLength: 80 }),
        fc.integer({ min: 0, max: 4096 }),
        (fields, limit) => {
          const decoder = new HpackDecoder(Number.POSITIVE_INFINITY);
          const update = limit < 31 ? [0x20 | limit] : [0x3f, ((limit - 31) & 127) | 128, (limit - 31) >> 7];
          decoder.decode(Uint8Array.from([...update, ...adding(fields)]));
          const kept: Header[] = [];
          let size = 0;
          for (const field of fields.toReversed()) {
            size += field[0].length + field[1].length + 32;
            if (size > limit) break;
            kept.push(field);
          }
          for (const [index, field] of kept.entries()) {
            const at = 62 + index;
            const bytes = at < 127 ? [0x80 | at] : [0xff, at - 127];
            expect(decoder.decode(Uint8Array.from(bytes)).headers).toEqual([field]);
          }
          const past = 62 + kept.length;
          expect(failure(() => decoder.decode(Uint8Array.from(past < 127 ? [0x80 | past] : [0xff, past - 127])))).toEndWith(
            `there is no table entry ${past}`,
          );
        },
      ),
    );
  });

  test("a list of the limit is given, one byte more is reported, and the table goes on", () => {
    const field: Header = ["custom-key", "custom-header"];
    expect(new HpackDecoder(55).decode(adding([field]))).toEqual({ headers: [field], tooLarge: false });
    const tight = new HpackDecoder(54);
    expect(tight.decode(adding([field]))).toEqual({ headers: [], tooLarge: true });
    expect(failure(() => tight.decode(fromHex("bf")))).toEndWith("there is no table entry 63");
    expect(tight.decode(fromHex("be")).tooLarge).toBe(true);
  });

  test("a block that repeats a large entry is not held past the limit", () => {
    const decoder = new HpackDecoder(100_000);
    decoder.decode(encodeAdd("x", "y".repeat(4000)));
    const { headers, tooLarge } = decoder.decode(new Uint8Array(100).fill(0xbe));
    expect(tooLarge).toBe(true);
    expect(headers.length).toBe(24);
  });

  test("a block of references that unpacks without end is not read to its end", () => {
    const entryBytes = 1 + 4000 + 32;
    const mostReferences = Math.floor(wireLimits.h2OversizedListBytes / entryBytes);
    const decoder = new HpackDecoder();
    decoder.decode(encodeAdd("x", "y".repeat(4000)));
    expect(decoder.decode(new Uint8Array(mostReferences).fill(0xbe)).tooLarge).toBe(true);
    expect(failure(() => decoder.decode(new Uint8Array(mostReferences + 1).fill(0xbe)))).toEndWith(
      `a header block that unpacks to more than ${wireLimits.h2OversizedListBytes} bytes`,
    );
  });

  test("as many fields as the limit are given, one more is reported", () => {
    const { headers, tooLarge } = new HpackDecoder().decode(new Uint8Array(wireLimits.h2HeaderFields).fill(0x82));
    expect([headers.length, tooLarge]).toEqual([wireLimits.h2HeaderFields, false]);
    const more = new HpackDecoder().decode(new Uint8Array(wireLimits.h2HeaderFields + 1).fill(0x82));
    expect([more.headers.length, more.tooLarge]).toEqual([wireLimits.h2HeaderFields, true]);
  });

  /** One long field, added to the table. */
  function encodeAdd(name: string, value: string): Uint8Array {
    const block = encodeHeaderBlock([[name, value]]);
    block[0] = 0x40;
    return block;
  }

  test.each([
    ["an index of 0", "80", "there is no table entry 0"],
    ["a name index past the table", "7f00", "there is no table entry 63"],
    ["a string past the end", "00036162", "a string runs past its end"],
    ["a block that ends after a name", "000161", "it ends too early"],
    ["an integer without end", "ff ffff ffff ff", "an integer is too large"],
    ["a size update after a field", "82 20", "a table size update where none is allowed"],
    ["a size update past 4096", "3fe2 1f", "a table size update where none is allowed"],
    ["Huffman padding of zeroes", "00 8118 00", "bad padding of a Huffman string"],
    ["Huffman padding of a whole byte", "00 821f ff 00", "bad padding of a Huffman string"],
    ["EOS in a Huffman string", "00 84ff ffff ff 00", "end of string inside a Huffman string"],
  ])("refuses %s", (_, hex, reason) => {
    expect(failure(() => new HpackDecoder().decode(fromHex(hex)))).toBe(`reading an HTTP/2 header block: ${reason}`);
  });

  test("the limit of 4096 itself is allowed", () => {
    expect(new HpackDecoder().decode(fromHex("3fe1 1f")).headers).toEqual([]);
  });

  test("random bytes give fields or a protocol error", () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ maxLength: 60 }), { maxLength: 4 }), (blocks) => {
        const decoder = new HpackDecoder(1000);
        try {
          for (const block of blocks) {
            const { headers } = decoder.decode(block);
            expect(headers.reduce((sum, [name, value]) => sum + name.length + value.length + 32, 0)).toBeLessThanOrEqual(1000);
          }
        } catch (error) {
          expect(error).toBeInstanceOf(KtError);
        }
      }),
      { numRuns: 2000 },
    );
  });
});

describe("decodeHuffman", () => {
  test("codes of up to 15 bits give every printable character", () => {
    const seen = new Set<number>();
    for (let start = 0; start < 65536; start++) {
      for (const tail of [[0xff], [0xff, 0xff]]) {
        try {
          for (const byte of decodeHuffman(Uint8Array.from([start >> 8, start & 255, ...tail]))) seen.add(byte);
        } catch (error) {
          expect(error).toBeInstanceOf(KtError);
        }
      }
    }
    // Codes up to 15 bits all lie within two bytes: the printable characters, and NUL.
    for (let symbol = 32; symbol < 127; symbol++) if (symbol !== 92) expect(seen.has(symbol)).toBe(true);
    expect(seen.has(0)).toBe(true);
  });
});
