/** Durations are read as Go's time.ParseDuration reads them. */

import { expect, test } from "bun:test";
import fc from "fast-check";
import { parseGoDuration } from "#expose/values/go-duration.ts";

test.each([
  ["0", 0],
  ["-0", -0],
  ["30s", 30_000],
  ["500ms", 500],
  ["1h30m", 5_400_000],
  ["1m30s", 90_000],
  [".5s", 500],
  ["5.s", 5000],
  ["+1.5h", 5_400_000],
  ["-2s", -2000],
  ["1us", 0.001],
  ["1\u00b5s", 0.001],
  ["1\u03bcs", 0.001],
  ["1ns", 0.000001],
  ["0.1ns", 0],
  ["2562047h47m16.854775807s", 9_223_372_036_854.775],
])("%s", (text, ms) => expect(parseGoDuration(text)).toBe(ms));

test.each(["", "soon", "5", "5 s", "s", ".s", "1d", "1S", "1h-5m", "--1s", "1.2.3s", "2562047h47m16.854775808s", "1s\n", "\u0665s"])(
  "%j is refused",
  (text) => expect(parseGoDuration(text)).toBeUndefined(),
);

test("parts add up, in any order and number", () => {
  const units = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 } as const;
  const part = fc.tuple(fc.integer({ min: 0, max: 999 }), fc.constantFrom(...(Object.keys(units) as (keyof typeof units)[])));
  fc.assert(
    fc.property(fc.array(part, { minLength: 1, maxLength: 6 }), (parts) => {
      const text = parts.map(([count, unit]) => `${count}${unit}`).join("");
      expect(parseGoDuration(text)).toBe(parts.reduce((sum, [count, unit]) => sum + count * units[unit], 0));
    }),
  );
});
