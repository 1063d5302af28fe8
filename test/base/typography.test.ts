/** What word processors make of text, and what was meant. */

import { expect, test } from "bun:test";
import fc from "fast-check";
import { plainTypography, typographicHint } from "#base/typography.ts";

test.each([
  ["“svc/web:80”", "svc/web:80", "“ is a curly quote"],
  ["‘a’", "a", "‘ is a curly quote"],
  ["–json", "--json", "– is a long dash"],
  ["—detach", "--detach", "— is a long dash"],
  ["–d", "-d", "– is a long dash"],
  ["a\u00a0b", "a b", "there is a special blank in it"],
])("%s is meant as %s", (text, meant, hint) => {
  expect(plainTypography(text)).toBe(meant);
  expect(typographicHint(text)).toStartWith(hint);
});

test("what is on a keyboard is as it was meant", () => {
  fc.assert(
    fc.property(fc.string({ unit: "grapheme-ascii" }), (text) => {
      expect(typographicHint(text)).toBeUndefined();
      expect(plainTypography(text)).toBe(text.trim());
    }),
  );
});
