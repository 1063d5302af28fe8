/** What the HTTP/2 door remembers of streams and of backends, up to its limits and for how long. */

import { describe, expect, test } from "bun:test";
import { httpLimits } from "#http/limits.ts";
import { proxyLimits } from "#proxy/limits.ts";
import { BodyLength } from "#http/h2/body-length.ts";
import { LateStreams } from "#http/h2/late-streams.ts";
import { SpeechMemory } from "#proxy/h2/speech-memory.ts";
import { ManualClock } from "#test/support/manual-clock.ts";

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

describe("SpeechMemory", () => {
  test("believes HTTP/1 for a while, and HTTP/2 until it is proved wrong", async () => {
    const clock = new ManualClock();
    const memory = new SpeechMemory(clock);
    memory.note("a", "http1");
    memory.note("b", "h2");
    await clock.advance(proxyLimits.http1BackendMs - 1);
    expect([memory.of("a"), memory.of("b")]).toEqual(["http1", "h2"]);
    await clock.advance(1);
    expect([memory.of("a"), memory.of("b")]).toEqual([undefined, "h2"]);
    memory.note("b", "http1");
    expect(memory.of("b")).toBe("http1");
    memory.forget("b");
    expect(memory.of("b")).toBeUndefined();
  });

  test("forgets the oldest of more targets than the limit", () => {
    const memory = new SpeechMemory(new ManualClock());
    for (let count = 0; count < proxyLimits.knownBackends; count++) memory.note(`${count}`, "h2");
    expect(memory.of("0")).toBe("h2");
    memory.note("one more", "h2");
    expect([memory.of("0"), memory.of("1")]).toEqual([undefined, "h2"]);
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
