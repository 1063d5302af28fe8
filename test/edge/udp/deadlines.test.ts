/** Deadlines: whatever is added, moved and removed, each item ends exactly at its time, and at no other. */

import { expect, test } from "bun:test";
import fc from "fast-check";
import { type Deadline, Deadlines } from "#edge/udp/deadlines.ts";
import { ManualClock } from "#test/support/manual-clock.ts";

class Item implements Deadline {
  place = -1;
  lookMs = 0;
  ends: number;

  constructor(ends: number) {
    this.ends = ends;
  }

  endsMs(): number {
    return this.ends;
  }
}

const steps = fc.array(
  fc.record({ kind: fc.constantFrom("add", "move", "remove", "wait"), at: fc.nat(20), forMs: fc.integer({ min: 1, max: 500 }) }),
  { maxLength: 60 },
);

test("each ends exactly at its time, however it moved", async () => {
  await fc.assert(
    fc.asyncProperty(steps, async (given) => {
      const clock = new ManualClock();
      const open: Item[] = [];
      const deadlines = new Deadlines<Item>(clock, (item) => {
        expect(item.ends).toBe(clock.now());
        open.splice(open.indexOf(item), 1);
      });
      for (const { kind, at, forMs } of given) {
        const item = open[at % Math.max(1, open.length)];
        if (kind === "add") {
          const added = new Item(clock.now() + forMs);
          open.push(added);
          deadlines.add(added);
        } else if (kind === "wait") await clock.advance(forMs);
        else if (item && kind === "move") item.ends = Math.max(item.ends, clock.now() + forMs);
        else if (item) {
          deadlines.remove(item);
          deadlines.remove(item);
          open.splice(open.indexOf(item), 1);
        }
        expect(deadlines.next()?.ends).toBe(open.length === 0 ? undefined : Math.min(...open.map(({ ends }) => ends)));
      }
      await clock.advance(1000);
      expect(open).toEqual([]);
    }),
    { numRuns: 60 },
  );
});

test("time that moves on costs no timer", () => {
  const clock = new ManualClock();
  const deadlines = new Deadlines<Item>(clock, () => {});
  const items = Array.from({ length: 100 }, (_, index) => new Item(clock.now() + 1000 + index));
  for (const item of items) deadlines.add(item);
  for (const item of items) item.ends += 5000;
  expect(clock.timers).toBe(1);
  deadlines.close();
  expect(clock.timers).toBe(0);
});
