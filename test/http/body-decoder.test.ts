/** Tests that bodies come out of their framing whole, in whatever pieces they arrive. */

import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { KtError } from "#base/errors.ts";
import { wireLimits } from "#wire/limits.ts";
import { BodyDecoder } from "#http/body-decoder.ts";
import type { Framing } from "#wire/http-head.ts";

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

function decode(framing: Framing, pieces: readonly Uint8Array[]): { text: string; done: boolean; complete: boolean } {
  let text = "";
  const decoder = new BodyDecoder(framing, "cluster-error");
  for (const piece of pieces) for (const data of decoder.read(piece)) text += Buffer.from(data).toString("latin1");
  return { text, done: decoder.done, complete: decoder.end() };
}

function split(whole: Uint8Array, sizes: readonly number[]): Uint8Array[] {
  const pieces: Uint8Array[] = [];
  let at = 0;
  for (const size of sizes) {
    pieces.push(whole.subarray(at, at + size));
    at += size;
  }
  return [...pieces, whole.subarray(at)];
}

describe("BodyDecoder", () => {
  test("takes chunks out of their framing however they are split", () => {
    const chunk = fc.string({ minLength: 1, maxLength: 40 }).map((text) => Buffer.from(text).toString("latin1"));
    fc.assert(
      fc.property(fc.array(chunk), fc.array(fc.integer({ min: 0, max: 9 })), (chunks, sizes) => {
        const framed = `${chunks.map((text) => `${text.length.toString(16)};x=y\r\n${text}\r\n`).join("")}0\r\nTrailer: 1\r\n\r\n`;
        const result = decode({ kind: "chunked" }, split(Buffer.from(framed, "latin1"), sizes));
        expect(result).toEqual({ text: chunks.join(""), done: true, complete: true });
      }),
    );
  });

  test("knows when a body was cut short", () => {
    expect(decode({ kind: "chunked" }, [bytes("5\r\nhel")])).toEqual({ text: "hel", done: false, complete: false });
    expect(decode({ kind: "length", bytes: 5 }, [bytes("hel")])).toEqual({ text: "hel", done: false, complete: false });
    expect(decode({ kind: "length", bytes: 5 }, [bytes("hel"), bytes("lo!")])).toEqual({ text: "hello", done: true, complete: true });
    expect(decode({ kind: "until-close" }, [bytes("hel")])).toEqual({ text: "hel", done: false, complete: true });
    expect(decode({ kind: "none" }, [])).toEqual({ text: "", done: true, complete: true });
  });

  test.each(["x\r\n", "-1\r\n", "\r\n", "1234567890123\r\n"])("refuses the chunk size %p", (text) => {
    expect(() => decode({ kind: "chunked" }, [bytes(text)])).toThrow(/^reading the answer: a chunk has no size$/);
  });

  test("refuses an endless line at its limit", () => {
    const line = (length: number): Uint8Array => bytes(`0;${"x".repeat(length - 4)}\r\n`);
    expect(decode({ kind: "chunked" }, [line(wireLimits.httpChunkLineBytes), bytes("\r\n")]).done).toBe(true);
    expect(() => decode({ kind: "chunked" }, [line(wireLimits.httpChunkLineBytes + 1)])).toThrow("a line of its framing is too long");
  });

  test("says how much came after its end", () => {
    const surplus = (framing: Framing, text: string): number => {
      const decoder = new BodyDecoder(framing, "cluster-error");
      decoder.read(bytes(text));
      return decoder.surplusBytes;
    };
    expect(surplus({ kind: "chunked" }, "1\r\na\r\n0\r\n\r\nrest")).toBe(4);
    expect(surplus({ kind: "length", bytes: 5 }, "hellorest")).toBe(4);
    expect(surplus({ kind: "none" }, "rest")).toBe(4);
    expect(surplus({ kind: "until-close" }, "rest")).toBe(0);
  });

  test("random bytes give a body or a KtError", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (noise) => {
        try {
          decode({ kind: "chunked" }, [noise]);
        } catch (error) {
          expect(error).toBeInstanceOf(KtError);
        }
      }),
    );
  });
});
