/** A histogram counts each value once, in the first bucket that is not below it. */

import { expect, test } from "bun:test";
import fc from "fast-check";
import { Histogram, secondBounds } from "#observe/histogram.ts";

test("each value is in one bucket, whose bound is the first that is not below it", () => {
  const value = fc.oneof(
    fc.double({ min: 0, max: 100_000, noNaN: true }),
    fc.constantFrom(...secondBounds).map((bound) => bound * 1000),
  );
  fc.assert(
    fc.property(fc.array(value), (values) => {
      const histogram = new Histogram();
      for (const each of values) histogram.add(each);
      const below = (boundMs: number): number => values.filter((each) => each <= boundMs).length;
      let total = 0;
      for (const [at, bound] of secondBounds.entries()) {
        total += histogram.counts[at] ?? 0;
        expect(total).toBe(below(bound * 1000));
      }
      expect(total + (histogram.counts[secondBounds.length] ?? 0)).toBe(values.length);
      expect(histogram.count).toBe(values.length);
    }),
  );
});
