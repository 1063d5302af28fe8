/** The byte queue: what goes in comes out, in whatever pieces, and many small pieces cost no more than one copy. */

import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { ByteQueue } from "#base/bytes.ts";

const step = fc.oneof(
  fc.record({ push: fc.uint8Array({ maxLength: 40 }) }),
  fc.record({ take: fc.nat({ max: 60 }) }),
  fc.constantFrom({ peek: true } as const, { takeAll: true } as const, { shift: true } as const),
);

describe("ByteQueue", () => {
  test("gives what was put in, in order, however it is looked at meanwhile", () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const queue = new ByteQueue();
        let waiting: number[] = [];
        const given: { readonly bytes: Uint8Array; readonly were: readonly number[] }[] = [];
        const give = (bytes: Uint8Array): void => {
          expect([...bytes]).toEqual(waiting.slice(0, bytes.length));
          given.push({ bytes, were: [...bytes] });
          waiting = waiting.slice(bytes.length);
        };
        for (const each of steps) {
          if ("push" in each) {
            queue.push(each.push);
            waiting.push(...each.push);
          } else if ("take" in each) give(queue.take(each.take));
          else if ("takeAll" in each) give(queue.takeAll());
          else if ("shift" in each) give(queue.shift() ?? new Uint8Array(0));
          else expect([...queue.peek()]).toEqual(waiting);
          expect(queue.length).toBe(waiting.length);
        }
        // What was given away is not written to any more.
        for (const { bytes, were } of given) expect([...bytes]).toEqual([...were]);
      }),
    );
  });

  test("is joined a few times only, though it is looked at after each of many pieces", () => {
    const queue = new ByteQueue();
    const buffers = new Set<ArrayBufferLike>();
    for (let count = 0; count < 16_384; count++) {
      queue.push(new Uint8Array(16));
      buffers.add(queue.peek().buffer);
    }
    expect(queue.length).toBe(16_384 * 16);
    expect(buffers.size).toBeLessThan(20);
  });
});
