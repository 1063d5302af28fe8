/** What a reader that pauses is given when it goes on. */

import { expect, test } from "bun:test";
import fc from "fast-check";
import { HeldBack } from "#tunnel/pipe/held-back.ts";

test("a reader that pauses at any time, also while it is given bytes, gets them all in order", () => {
  const act = fc.constantFrom("push", "pause", "resume");
  fc.assert(
    fc.property(fc.array(act, { maxLength: 40 }), fc.array(fc.boolean(), { maxLength: 40 }), (acts, pauses) => {
      const heard: number[] = [];
      let pushed = 0;
      const held: HeldBack = new HeldBack((bytes) => {
        heard.push(bytes[0] ?? 0);
        if (pauses[heard.length]) held.pause();
      });
      for (const each of acts) {
        const wasPaused = held.isPaused;
        if (each === "pause") held.pause();
        else if (each === "push") expect(held.push(Uint8Array.of(pushed++))).toBe(!wasPaused);
        else expect(held.resume()).toBe(wasPaused && !held.isPaused);
        if (!held.isPaused) expect(held.lengthBytes).toBe(0);
        expect(heard.length + held.lengthBytes).toBe(pushed);
        expect(heard).toEqual(Array.from({ length: heard.length }, (_, at) => at));
      }
    }),
  );
});

test("what is held is thrown away when the connection is over", () => {
  const heard: number[] = [];
  const held = new HeldBack((bytes) => heard.push(bytes.length));
  held.pause();
  held.push(new Uint8Array(5));
  held.clear();
  expect([held.lengthBytes, held.resume(), heard]).toEqual([0, false, []]);
});
