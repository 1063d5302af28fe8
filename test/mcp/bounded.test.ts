/** Answers to agents stay within bounds, and what clusters wrote stays data, whatever it is. */

import { expect, test } from "bun:test";
import fc from "fast-check";
import { bounded, fitting } from "#mcp/bounded.ts";
import { mcpLimits } from "#mcp/limits.ts";

const texts = fc.array(fc.string({ unit: "binary", maxLength: 3 * mcpLimits.textChars }), { maxLength: 60 });
const sizeOf = (value: unknown): number => Buffer.byteLength(JSON.stringify(value));

test("a list has the first of its parts, or the latest, and says how many it left out", () => {
  fc.assert(
    fc.property(texts, fc.integer({ min: 1, max: 50 }), fc.constantFrom("first", "last"), (all, most, keep) => {
      const { list, leftOut } = fitting(all, most, keep);
      expect(list).toEqual(keep === "first" ? all.slice(0, list.length) : all.slice(all.length - list.length));
      expect([list.length + leftOut, list.length <= most]).toEqual([all.length, true]);
      expect(sizeOf(bounded(list))).toBeLessThanOrEqual(mcpLimits.listBytes + 2 * list.length + 2);
    }),
    { numRuns: 50 },
  );
});

test("no text is longer than the limit, short ones are as they were, and no character is cut in two", () => {
  fc.assert(
    fc.property(fc.dictionary(fc.string(), fc.oneof(texts, fc.string({ unit: "grapheme" }), fc.integer(), fc.constant(null))), (value) => {
      const kept = bounded(value) as typeof value;
      expect(Object.keys(kept)).toEqual(Object.keys(value));
      for (const text of Object.values(kept).flat()) {
        if (typeof text === "string") expect(text.length).toBeLessThanOrEqual(mcpLimits.textChars + 1);
      }
    }),
    { numRuns: 50 },
  );
  expect(bounded({ a: ["x"], b: 1, c: undefined })).toEqual({ a: ["x"], b: 1, c: undefined });
  const pair = "\u{1f600}";
  expect(bounded("x".repeat(mcpLimits.textChars - 1) + pair)).toBe(`${"x".repeat(mcpLimits.textChars - 1)}…`);
});
