/** Counts in 16 bits: exact where they are small, close where they are great, and in order everywhere. */

import { expect, test } from "bun:test";
import fc from "fast-check";
import { packCount, unpackCount } from "#observe/packed-count.ts";

const greatest = 4.39e12;

test("counts below 4096 come back as they are", () => {
  for (let count = 0; count < 4096; count++) expect(unpackCount(packCount(count))).toBe(count);
});

test("every code is that of its own count", () => {
  for (let code = 0; code < 2 ** 16; code++) expect(packCount(unpackCount(code))).toBe(code);
});

test("greater ones are off by less than 0.025 %, and keep their order", () => {
  const count = fc.double({ min: 0, max: greatest, noNaN: true }).map(Math.round);
  fc.assert(
    fc.property(count, count, (one, other) => {
      expect(Math.abs(unpackCount(packCount(one)) - one)).toBeLessThanOrEqual(one * 0.00025);
      if (one <= other) expect(packCount(one)).toBeLessThanOrEqual(packCount(other));
    }),
  );
});

test("what is beyond the greatest, or is below zero, stays within it", () => {
  expect([packCount(1e30), packCount(1e13), packCount(-1), packCount(-0.4)]).toEqual([65535, 65535, 0, 0]);
  expect(unpackCount(65535)).toBe(4095 * 2 ** 30);
});
