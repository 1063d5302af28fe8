/** Chunked bodies: apart and together again, in any pieces, and what is refused. */

import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { concatBytes } from "#base/bytes.ts";
import { KtError } from "#base/errors.ts";
import { wireLimits } from "#wire/limits.ts";
import { ChunkReader, encodeChunk, encodeLastChunk } from "#wire/http-chunks.ts";
import type { Header } from "#wire/http-head.ts";

function readAll(bytes: Uint8Array, pieceBytes: number): { data: string; trailers: readonly Header[]; done: boolean } {
  const reader = new ChunkReader("backend-invalid");
  const data: Uint8Array[] = [];
  for (let at = 0; at < bytes.length; at += pieceBytes) data.push(...reader.read(bytes.subarray(at, at + pieceBytes)));
  return { data: Buffer.from(concatBytes([...data, new Uint8Array(0)])).toString("latin1"), trailers: reader.trailers, done: reader.done };
}

describe("ChunkReader", () => {
  test("reads back what was written, however it is split", () => {
    const chunks = fc.array(fc.string({ minLength: 1, maxLength: 40, unit: "binary-ascii" }), { maxLength: 6 });
    const trailers = fc.array(fc.tuple(fc.constantFrom("x-a", "X-B"), fc.constantFrom("", "1", "a b")), { maxLength: 3 });
    fc.assert(
      fc.property(chunks, trailers, fc.integer({ min: 1, max: 50 }), (texts, fields, pieceBytes) => {
        const body = concatBytes([...texts.map((text) => encodeChunk(Buffer.from(text, "latin1"))), encodeLastChunk(fields)]);
        expect(readAll(body, pieceBytes)).toEqual({ data: texts.join(""), trailers: fields, done: true });
      }),
    );
  });

  test.each([
    ["3;a=b\r\nabc\r\n0\r\n\r\n", "abc", []],
    ["003  \r\nabc\r\n000\r\n\r\n", "abc", []],
    ["3\nabc\n0\n\n", "abc", []],
    ["0\r\nA:  b \r\n\r\nmore", "", [["A", "b"]]],
  ])("%p", (body, data, trailers) => {
    expect(readAll(Buffer.from(body), 1)).toEqual({ data, trailers: trailers as unknown as Header[], done: true });
  });

  test.each(["x\r\n", "\r\n", "-1\r\n", "1234567890123\r\n", "1\r\nab\r\n", "0\r\n folded\r\n", "0\r\nno colon\r\n"])(
    "refuses %p",
    (body) => {
      expect(() => readAll(Buffer.from(body), 3)).toThrow(KtError);
    },
  );

  test("a line of the limit is kept, a longer one is not", () => {
    const size = (bytes: number): Buffer => Buffer.from(`1;${"x".repeat(bytes - 2)}`);
    expect(readAll(size(wireLimits.httpChunkLineBytes), 1024).done).toBe(false);
    expect(() => readAll(size(wireLimits.httpChunkLineBytes + 1), 1024)).toThrow("too long");
  });
});
