/** What every flow of Datagrams promises, checked the same way on each kind. */

import { describe, expect, test } from "bun:test";
import type { Datagrams } from "#base/datagrams.ts";
import { sharedLimits } from "#base/limits.ts";
import { DatagramRecorder } from "#test/support/datagram-recorder.ts";

export interface DatagramsPair {
  readonly near: Datagrams;
  readonly far: Datagrams;
  readonly close?: () => void;
}

/** Runs the contract on pairs that `open` makes, one per test. */
export function datagramsContract(name: string, open: () => Promise<DatagramsPair>): void {
  const withPair = async (run: (pair: DatagramsPair) => Promise<void>): Promise<void> => {
    const pair = await open();
    try {
      await run(pair);
    } finally {
      pair.near.close();
      pair.far.close();
      pair.close?.();
    }
  };

  describe(`${name} keeps the Datagrams contract:`, () => {
    test("each datagram arrives whole and by itself, both ways, also an empty one", () =>
      withPair(async (pair) => {
        const [near, far] = [new DatagramRecorder(pair.near), new DatagramRecorder(pair.far)];
        for (const text of ["one", "", "three"]) near.send(text);
        await far.untilReceived(3);
        expect(far.texts()).toEqual(["one", "", "three"]);
        for (const text of ["", "back"]) far.send(text);
        await near.untilReceived(2);
        expect(near.texts()).toEqual(["", "back"]);
      }));

    test("the largest one arrives", () =>
      withPair(async ({ near, far }) => {
        const reader = new DatagramRecorder(far);
        const largest = new Uint8Array(sharedLimits.datagramBytes).map((_, index) => index * 7);
        expect(near.send(largest)).toBe(true);
        await reader.untilReceived(1);
        expect(reader.received[0]?.every((byte, index) => byte === largest[index])).toBe(true);
      }));

    test("one that is too large is dropped and counted, and the next one arrives", () =>
      withPair(async ({ near, far }) => {
        const reader = new DatagramRecorder(far);
        expect(near.send(new Uint8Array(sharedLimits.datagramBytes + 1))).toBe(false);
        expect(near.droppedDatagrams).toBe(1);
        expect(near.send(new Uint8Array([7]))).toBe(true);
        await reader.untilReceived(1);
        expect(reader.received).toEqual([new Uint8Array([7])]);
      }));

    test("what arrives is the reader's, to change", () =>
      withPair(async ({ near, far }) => {
        const reader = new DatagramRecorder(far);
        near.send(new Uint8Array([1, 2]));
        await reader.untilReceived(1);
        reader.received[0]?.fill(9);
        near.send(new Uint8Array([3, 4]));
        await reader.untilReceived(2);
        expect(reader.received).toEqual([new Uint8Array([9, 9]), new Uint8Array([3, 4])]);
      }));

    test("a flood that is not read holds nothing up, and what comes after it arrives", () =>
      withPair(async ({ near, far }) => {
        const block = new Uint8Array(60_000);
        for (let sent = 0; sent < 200; sent++) near.send(block);
        const reader = new DatagramRecorder(far);
        await reader.untilReceived(1);
        const seen = reader.received.length;
        near.send(new Uint8Array([1]));
        await reader.until(() => reader.received.at(-1)?.length === 1);
        expect(seen).toBeLessThan(200);
      }));

    test("close is reported once and last, and nothing is sent afterwards", () =>
      withPair(async (pair) => {
        const near = new DatagramRecorder(pair.near);
        pair.near.close();
        pair.near.close();
        await near.untilClosed();
        expect(near.error).toBeUndefined();
        expect(near.send("late")).toBe(false);
        expect(near.events).toEqual(["close"]);
        expect(pair.near.droppedDatagrams).toBe(1);
      }));

    test("a handler that starts after the close hears of it", () =>
      withPair(async ({ near }) => {
        near.close();
        await new DatagramRecorder(near).untilClosed();
      }));

    test("a second start hands the flow on", () =>
      withPair(async ({ near, far }) => {
        const first = new DatagramRecorder(far);
        near.send(new Uint8Array([1]));
        await first.untilReceived(1);
        const second = new DatagramRecorder(far);
        near.send(new Uint8Array([2]));
        await second.untilReceived(1);
        expect([first.received, second.received]).toEqual([[new Uint8Array([1])], [new Uint8Array([2])]]);
      }));
  });
}
