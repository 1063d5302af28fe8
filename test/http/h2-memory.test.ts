/** What HTTP/2 remembers of streams: those that frames may still come for, and how long a body is to become. */

import { describe, expect, test } from "bun:test";
import { BodyLength } from "#http/h2/body-length.ts";
import { LateStreams } from "#http/h2/late-streams.ts";
import { httpLimits } from "#http/limits.ts";

describe("LateStreams", () => {
  test("forgets the oldest of more than the limit", () => {
    const late = new LateStreams();
    for (let count = 0; count < httpLimits.h2LateStreams; count++) late.expect(1 + count * 2);
    expect(late.has(1)).toBe(true);
    late.expect(1 + httpLimits.h2LateStreams * 2);
    expect([late.has(1), late.has(3)]).toEqual([false, true]);
  });

  test("knows which identifiers were passed over", () => {
    const late = new LateStreams();
    late.skip(0, 1);
    late.skip(1, 3);
    late.skip(3, 9);
    expect([1, 3, 5, 7, 9, 11].filter((id) => late.wasSkipped(id))).toEqual([5, 7]);
  });

  test("forgets the oldest range of more than the limit", () => {
    const late = new LateStreams();
    for (let count = 0; count <= httpLimits.h2LateStreams; count++) late.skip(1 + count * 4, 5 + count * 4);
    expect([late.wasSkipped(3), late.wasSkipped(7)]).toEqual([false, true]);
  });
});

describe("BodyLength", () => {
  test.each([
    [undefined, [5, 7], [true, true], true],
    [12, [5, 7], [true, true], true],
    [12, [5, 6], [true, false], true],
    [12, [5, 8], [true, false], true],
    [12, [5, 8], [true, false], false],
    [12, [5, 6], [true, true], false],
    [0, [0], [true], true],
    [0, [1], [false], false],
  ])("of %p announced, %p: %p, the last ends it %p", (announced, pieces, wanted, ends) => {
    const length = new BodyLength(announced);
    expect(pieces.map((bytes, index) => length.add(bytes, ends && index === pieces.length - 1))).toEqual(wanted);
  });
});
