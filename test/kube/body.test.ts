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
  const decoder = new BodyDecoder(framing, (piece) => {
    text += Buffer.from(piece).toString("latin1");
  });
  for (const piece of pieces) decoder.push(piece);
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
    expect(() => decode({ kind: "chunked" }, [bytes(text)])).toThrow("chunk framing");
  });

  test("refuses an endless line at its limit", () => {
    const line = (length: number): Uint8Array => bytes(`0;${"x".repeat(length - 4)}\r\n`);
    expect(decode({ kind: "chunked" }, [line(wireLimits.httpChunkLineBytes), bytes("\r\n")]).done).toBe(true);
    expect(() => decode({ kind: "chunked" }, [line(wireLimits.httpChunkLineBytes + 1)])).toThrow("endless line");
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
