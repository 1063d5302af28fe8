/** The parts of a session by themselves: a stream's halves, the ids of pings, and how output is joined. */

import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { concatBytes } from "#base/bytes.ts";
import { Outbox } from "#mux/outbox.ts";
import { nextPingId } from "#mux/session.ts";
import { MuxStream } from "#mux/stream.ts";
import { pattern } from "#test/wire/pieces.ts";

test("a stream is closed when both halves are over, in either order, however often they end", () => {
  fc.assert(
    fc.property(fc.array(fc.boolean(), { maxLength: 6 }), (ends) => {
      const stream = new MuxStream(1);
      for (const local of ends) local ? stream.endLocal() : stream.endRemote();
      const state = [stream.maySend, stream.mayReceive, stream.closed];
      expect(state).toEqual([!ends.includes(true), !ends.includes(false), ends.includes(true) && ends.includes(false)]);
    }),
  );
});

test("the ids of pings keep their parity when they run out", () => {
  expect([1, 2, 0x7f_ff_ff_fb, 0x7f_ff_ff_fc, 0x7f_ff_ff_fd, 0x7f_ff_ff_fe].map(nextPingId)).toEqual([
    3, 4, 0x7f_ff_ff_fd, 0x7f_ff_ff_fe, 1, 2,
  ]);
});

describe("the outbox", () => {
  test("gives every byte once and in order, and keeps what was taken as it was", () => {
    const lengths = fc.oneof(fc.nat(20), fc.nat(40_000));
    fc.assert(
      fc.property(fc.array(fc.tuple(lengths, fc.boolean()), { maxLength: 30 }), (pushes) => {
        const outbox = new Outbox();
        const taken: Uint8Array[] = [];
        const pushed: Uint8Array[] = [];
        for (const [length, take] of pushes) {
          const bytes = pattern(length + 1).subarray(1);
          pushed.push(bytes);
          outbox.push(bytes);
          if (take) taken.push(...outbox.take());
        }
        const lastTake = pushes.findLastIndex(([, take]) => take);
        expect(outbox.isEmpty).toBe(pushed.slice(lastTake + 1).every((bytes) => bytes.length === 0));
        taken.push(...outbox.take());
        expect(Buffer.compare(concatBytes([new Uint8Array(0), ...taken]), concatBytes([new Uint8Array(0), ...pushed]))).toBe(0);
        expect(outbox.isEmpty).toBe(true);
      }),
    );
  });
});
