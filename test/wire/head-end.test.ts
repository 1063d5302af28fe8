/** Where a head ends, however it is cut into pieces. */

import { expect, test } from "bun:test";
import fc from "fast-check";
import { HeadEnd } from "#wire/head-end.ts";
import { decodeRequestHead } from "#wire/http-head.ts";

const bytesOf = (text: string): Uint8Array => new Uint8Array(Buffer.from(text, "latin1"));

test("is where the reader of heads finds it", () => {
  const line = fc.constantFrom("Host: a", "X: y", "X: \tz", "Accept: */*");
  const end = fc.constantFrom("\r\n", "\n");
  const head = fc
    .tuple(fc.constantFrom("", "\r\n", "\n"), fc.array(fc.tuple(line, end), { maxLength: 4 }), end, end)
    .map(
      ([before, lines, afterLine, last]) =>
        `${before}GET / HTTP/1.1${afterLine}Host: h\r\n${lines.map(([text, e]) => text.replace("Host", "X") + e).join("")}${last}`,
    );
  fc.assert(
    fc.property(head, fc.array(fc.nat(), { maxLength: 6 }), (text, cuts) => {
      const bytes = bytesOf(text);
      const decoded = decodeRequestHead(bytes);
      expect(decoded !== "short" && decoded.next).toBe(bytes.length);
      const places = [...new Set([0, ...cuts.map((cut) => cut % bytes.length), bytes.length])].sort((a, b) => a - b);
      const progress = new HeadEnd();
      const ended = places.slice(1).map((to, index) => progress.advance(bytes.subarray(places[index], to)));
      expect(ended).toEqual([...ended.slice(1).map(() => false), true]);
    }),
  );
});
