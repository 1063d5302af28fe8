/** Datagrams over a Conn: whole and in order however they are cut, and where the reader is too slow the newest win. */

import { expect, test } from "bun:test";
import fc from "fast-check";
import { FramedDatagrams } from "#net/framed-datagrams.ts";
import { memoryPair } from "#test/support/memory-conn.ts";
import { Recorder } from "#test/support/recorder.ts";
import { eventually } from "#test/support/wait.ts";

const waitingBytes = 1024 * 1024;

test("each arrives as it was sent, wherever the bytes between them are cut", async () => {
  const sent = fc.array(fc.uint8Array({ maxLength: 3000 }), { minLength: 1, maxLength: 20 });
  await fc.assert(
    fc.asyncProperty(sent, fc.integer({ min: 1, max: 4000 }), async (datagrams, cutBytes) => {
      const [near, middle] = memoryPair();
      const sender = new FramedDatagrams({ conn: near, waitingBytes, onDatagram() {}, onClose() {} });
      const recorded = new Recorder(middle);
      for (const datagram of datagrams) sender.send(datagram);
      const all = datagrams.reduce((sum, { length }) => sum + 2 + length, 0);
      await recorded.until(() => recorded.length === all);
      const [writer, far] = memoryPair();
      const received: Uint8Array[] = [];
      new FramedDatagrams({ conn: far, waitingBytes, onDatagram: (payload) => void received.push(payload), onClose() {} });
      writer.start({ onData() {}, onEnd() {}, onDrain() {}, onClose() {} });
      const bytes = recorded.bytes();
      for (let at = 0; at < bytes.length; at += cutBytes) writer.write(bytes.subarray(at, at + cutBytes));
      await eventually("all of them", () => received.length === datagrams.length, 10_000, 1);
      expect(received.map((each) => [...each])).toEqual(datagrams.map((each) => [...each]));
    }),
    { numRuns: 50 },
  );
});

test("for a reader that is too slow the oldest of those that wait are dropped, and counted", async () => {
  const [near, far] = memoryPair();
  const sender = new FramedDatagrams({ conn: near, waitingBytes: 50_000, onDatagram() {}, onClose() {} });
  const received: number[] = [];
  for (let round = 0; round < 200; round++) {
    for (let each = 0; each < 10; each++) sender.send(new Uint8Array(1000).fill(round));
    await Promise.resolve();
  }
  expect(sender.dropped).toBeGreaterThan(0);
  new FramedDatagrams({ conn: far, waitingBytes, onDatagram: (payload) => void received.push(payload[0] as number), onClose() {} });
  await eventually("the newest", () => received.at(-1) === 199, 10_000, 1);
  expect(received.length + sender.dropped).toBe(2000);
});

test("what was sent before it was closed arrives", async () => {
  const [near, far] = memoryPair();
  const sender = new FramedDatagrams({ conn: near, waitingBytes, onDatagram() {}, onClose() {} });
  const other = new Recorder(far);
  sender.send(Uint8Array.of(7));
  sender.close();
  await other.untilEnd();
  expect([...other.bytes()]).toEqual([0, 1, 7]);
});

test("its end is reported once", async () => {
  const [near, far] = memoryPair();
  let ends = 0;
  const onClose = (): void => {
    ends += 1;
  };
  new FramedDatagrams({ conn: near, waitingBytes, onDatagram() {}, onClose });
  const other = new Recorder(far);
  far.end();
  await other.untilClosed();
  expect(ends).toBe(1);
});
