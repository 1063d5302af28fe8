/** What every Conn promises, checked the same way on each kind. */

import { describe, expect, test } from "bun:test";
import type { Conn } from "#base/conn.ts";
import { Recorder } from "#test/support/recorder.ts";

export interface ConnPair {
  readonly near: Conn;
  readonly far: Conn;
  readonly close?: () => void;
}

export interface ContractOptions {
  /** False where the transport ends both halves together. */
  readonly halfClose?: boolean;
  /** False where an abort reaches the peer as an orderly end. */
  readonly reset?: boolean;
}

const megabyte = (fill: number): Uint8Array => new Uint8Array(1024 * 1024).fill(fill);

/** Runs the contract on pairs that `open` makes, one per test. */
export function connContract(name: string, open: () => Promise<ConnPair>, options: ContractOptions = {}): void {
  const { halfClose = true, reset = true } = options;
  const withPair = async (run: (near: Recorder, far: Recorder, pair: ConnPair) => Promise<void>): Promise<void> => {
    const pair = await open();
    try {
      await run(new Recorder(pair.near), new Recorder(pair.far), pair);
    } finally {
      pair.near.abort();
      pair.far.abort();
      pair.close?.();
    }
  };

  describe(`${name} keeps the Conn contract:`, () => {
    test("bytes arrive in order, both ways", () =>
      withPair(async (near, far) => {
        near.write("ping");
        await far.untilText("ping");
        far.write("po");
        far.write("ng");
        await near.untilText("pong");
      }));

    test("nothing is lost before the peer starts", async () => {
      const pair = await open();
      const near = new Recorder(pair.near);
      near.write("early");
      await near.conn.end();
      const far = new Recorder(pair.far);
      await far.untilText("early");
      await far.untilEnd();
      pair.near.abort();
      pair.far.abort();
      pair.close?.();
    });

    test("unread bytes come first", async () => {
      const pair = await open();
      const near = new Recorder(pair.near);
      const far = new Recorder(pair.far);
      near.write("first");
      await far.untilText("first");
      pair.far.pause();
      near.write("second");
      pair.far.unread(new TextEncoder().encode("again-"));
      const next = new Recorder(pair.far);
      await next.untilText("again-second");
      pair.near.abort();
      pair.far.abort();
      pair.close?.();
    });

    if (halfClose)
      test("a half-close leaves the other half open", () =>
        withPair(async (near, far) => {
          near.write("question");
          near.conn.end();
          await far.untilEnd();
          expect(far.text()).toBe("question");
          far.write("answer");
          far.conn.end();
          await near.untilEnd();
          expect(near.text()).toBe("answer");
          await Promise.all([near.untilClosed(), far.untilClosed()]);
          expect(near.error).toBeUndefined();
        }));

    test("everything written before end arrives, however much", () =>
      withPair(async (near, far) => {
        for (let index = 0; index < 8; index++) near.conn.write(megabyte(index));
        near.conn.end();
        await far.untilEnd();
        const bytes = far.bytes();
        expect(bytes.length).toBe(8 * 1024 * 1024);
        for (let index = 0; index < 8; index++) expect(bytes[index * 1024 * 1024 + 7]).toBe(index);
      }));

    test("a reader that pauses makes the writer wait, and nothing is delivered meanwhile", () =>
      withPair(async (near, far) => {
        near.write("x");
        await far.untilText("x");
        far.conn.pause();
        const seen = far.length;
        let written = 0;
        while (near.conn.write(megabyte(1))) written += 1;
        written += 1;
        await Promise.resolve();
        expect(far.length).toBe(seen);
        far.conn.resume();
        await far.until(() => far.length === seen + written * 1024 * 1024);
        await near.untilEvent("drain");
      }));

    test("close is reported once and last, also after abort", () =>
      withPair(async (near, far) => {
        near.write("x");
        await far.untilText("x");
        near.conn.abort();
        near.conn.abort();
        await Promise.all([near.untilClosed(), far.untilClosed()]);
        expect(near.events.filter((event) => event === "close")).toHaveLength(1);
        expect(far.events.at(-1)).toBe("close");
        if (reset) expect(far.error?.code).toBe("connection-lost");
        expect(near.conn.write(megabyte(1))).toBe(true);
      }));

    // The write takes the system's error with it: what is read after it looks like an orderly end.
    if (reset)
      test("an abort is not taken for an end by a side that writes before it hears of it", () =>
        withPair(async (near, far) => {
          near.write("x");
          await far.untilText("x");
          near.conn.abort();
          far.write("y");
          await far.untilClosed();
          expect(far.error?.code).toBe("connection-lost");
          expect(far.events).not.toContain("end");
        }));

    test("a handler that starts after the close hears of it", () =>
      withPair(async (near, far) => {
        near.conn.abort();
        await far.untilClosed();
        const late = new Recorder(far.conn);
        await late.untilClosed();
      }));
  });
}
