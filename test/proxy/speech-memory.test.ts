/** What the HTTP/2 door remembers of backends, up to its limit and for how long. */

import { describe, expect, test } from "bun:test";
import { proxyLimits } from "#proxy/limits.ts";
import { SpeechMemory } from "#proxy/h2/speech-memory.ts";
import { ManualClock } from "#test/support/manual-clock.ts";

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
