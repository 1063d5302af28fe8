/** HTTP/1 bodies: any framing, any split, what smuggles, limits, random bytes. */

import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { KtError } from "#base/errors.ts";
import { wireLimits } from "#wire/limits.ts";
import { BodyCursor } from "#wire/http-body.ts";
import type { Framing } from "#wire/http-head.ts";

const bytesOf = (text: string): Uint8Array => new Uint8Array(Buffer.from(text, "latin1"));
const chunked: Framing = { kind: "chunked" };

/** Feeds the pieces; how many bytes were the body's, and whether it ended. */
function follow(framing: Framing, pieces: readonly Uint8Array[]): { taken: number; done: boolean } {
  const cursor = new BodyCursor(framing, "request-invalid");
  let taken = 0;
  for (const piece of pieces) {
    const count = cursor.advance(piece);
    taken += count;
    if (count < piece.length) break;
  }
  return { taken, done: cursor.done };
}

/** Cuts bytes at the given places. */
function split(bytes: Uint8Array, cuts: readonly number[]): Uint8Array[] {
  const at = [0, ...cuts.map((cut) => cut % (bytes.length + 1)).sort((a, b) => a - b), bytes.length];
  return at.slice(1).map((end, index) => bytes.subarray(at[index], end));
}

function failure(text: string): string {
  try {
    return `no failure: ${JSON.stringify(follow(chunked, [bytesOf(text)]))}`;
  } catch (error) {
    return error instanceof KtError ? `${error.code}: ${error.message}` : String(error);
  }
}

const extension = fc.constantFrom("", ";a", ';a="b c"', " ", "\t ; x=1");
const chunk = fc.tuple(fc.string({ unit: "binary-ascii", minLength: 1, maxLength: 40 }), extension, fc.boolean());
const trailers = fc.array(fc.constantFrom("Grpc-Status: 0", "X-Sum: abc", "X:"), { maxLength: 3 });
const chunkedBody = fc.tuple(fc.array(chunk, { maxLength: 6 }), extension, trailers).map(([chunks, last, fields]) => {
  const size = (text: string, upper: boolean): string =>
    upper ? text.length.toString(16).toUpperCase().padStart(4, "0") : text.length.toString(16);
  const data = chunks.map(([text, ext, upper]) => `${size(text, upper)}${ext}\r\n${text}\r\n`).join("");
  return bytesOf(`${data}0${last}\r\n${fields.map((field) => `${field}\r\n`).join("")}\r\n`);
});
const cuts = fc.array(fc.nat(), { maxLength: 8 });
const rest = fc.uint8Array({ maxLength: 10 });
const join = (one: Uint8Array, other: Uint8Array): Uint8Array => Uint8Array.from([...one, ...other]);

describe("BodyCursor", () => {
  test("none and a length of 0 have ended before a byte", () => {
    expect(follow({ kind: "none" }, [bytesOf("GET")])).toEqual({ taken: 0, done: true });
    expect(follow({ kind: "length", bytes: 0 }, [bytesOf("GET")])).toEqual({ taken: 0, done: true });
  });

  test("a length is taken exactly, however it is split", () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 1, maxLength: 100 }), rest, cuts, (body, after, places) => {
        expect(follow({ kind: "length", bytes: body.length }, split(join(body, after), places))).toEqual({
          taken: body.length,
          done: true,
        });
        expect(follow({ kind: "length", bytes: body.length + 1 }, split(body, places))).toEqual({ taken: body.length, done: false });
      }),
    );
  });

  test("a chunked body is taken exactly, however it is split", () => {
    fc.assert(
      fc.property(chunkedBody, rest, cuts, (body, after, places) => {
        expect(follow(chunked, split(join(body, after), places))).toEqual({ taken: body.length, done: true });
        const bytewise = [...join(body, after)].map((byte) => Uint8Array.of(byte));
        expect(follow(chunked, bytewise)).toEqual({ taken: body.length, done: true });
      }),
    );
  });

  test("a chunked body that is cut anywhere has not ended", () => {
    fc.assert(
      fc.property(chunkedBody, (body) => {
        for (let cut = 0; cut < body.length; cut++) expect(follow(chunked, [body.subarray(0, cut)])).toEqual({ taken: cut, done: false });
      }),
      { numRuns: 20 },
    );
  });

  test("begins at the given place", () => {
    expect(new BodyCursor({ kind: "length", bytes: 3 }, "request-invalid").advance(bytesOf("headabcnext"), 4)).toBe(3);
  });

  test("until-close takes everything and ends with the connection; the others are cut short by it", () => {
    const cursor = new BodyCursor({ kind: "until-close" }, "backend-invalid");
    expect(cursor.advance(bytesOf("abc"))).toBe(3);
    expect(cursor.done).toBe(false);
    expect(cursor.end()).toBe(true);
    expect(cursor.done).toBe(true);
    expect(new BodyCursor(chunked, "backend-invalid").end()).toBe(false);
    expect(new BodyCursor({ kind: "length", bytes: 1 }, "backend-invalid").end()).toBe(false);
  });

  test("a chunk of 4 GB is counted, not held", () => {
    const cursor = new BodyCursor(chunked, "backend-invalid");
    cursor.advance(bytesOf("100000000\r\n"));
    const piece = new Uint8Array(1 << 20);
    for (let count = 0; count < 4096; count++) expect(cursor.advance(piece)).toBe(piece.length);
    expect(cursor.advance(bytesOf("\r\n0\r\n\r\nGET"))).toBe(7);
    expect(cursor.done).toBe(true);
  });

  test.each([
    ["\r\n", "a chunk has no size"],
    ["-1\r\n", "a chunk has no size"],
    ["0x1\r\n", "a chunk's size is not a number"],
    ["1\n", "a chunk's size is not a number"],
    ["1;a\nb", "a line of its framing has a NUL or a lone LF"],
    ["1\rx", "a chunk does not end where its size says"],
    ["1\r\nabc", "a chunk does not end where its size says"],
    ["1\r\na\n", "a chunk does not end where its size says"],
    ["0\r\nX: 1\n\r\n", "a line of its framing has a NUL or a lone LF"],
    ["0\r\nX: 1\r\n folded\r\n\r\n", "a trailer line is folded"],
    ["0\r\n\rx", "a chunk does not end where its size says"],
    ["1000000000000\r\n", "a chunk's size has too many digits"],
  ])("refuses %j", (text, reason) => {
    expect(failure(text)).toBe(`request-invalid: reading the request body: ${reason}`);
  });

  test("an extension and a trailer section of the limit pass, one byte more does not", () => {
    const extended = (length: number): string => `0;${"x".repeat(length)}\r\n\r\n`;
    expect(follow(chunked, [bytesOf(extended(wireLimits.httpChunkLineBytes))]).done).toBe(true);
    expect(failure(extended(wireLimits.httpChunkLineBytes + 1))).toEndWith("its framing has more than 4096 bytes");
    const trailed = (length: number): string => `0\r\n${"X: y\r\n".repeat(length / 4)}\r\n`;
    expect(follow(chunked, [bytesOf(trailed(wireLimits.httpHeadBytes))]).done).toBe(true);
    expect(failure(trailed(wireLimits.httpHeadBytes + 4))).toEndWith("its framing has more than 262144 bytes");
  });

  test("random bytes end, go on or give a KtError, the same however they are split", () => {
    const piece = fc.constantFrom("1", "a", "0", "\r\n", "\r", "\n", ";", "x", "\0", " ");
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 20 }), cuts, (parts, places) => {
        const bytes = bytesOf(parts.join(""));
        const outcome = (pieces: readonly Uint8Array[]): unknown => {
          try {
            return follow(chunked, pieces);
          } catch (error) {
            expect(error).toBeInstanceOf(KtError);
            return String(error);
          }
        };
        expect(outcome(split(bytes, places))).toEqual(outcome([bytes]));
      }),
      { numRuns: 1000 },
    );
  });
});
