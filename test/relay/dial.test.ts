/** How the relay connects to an address that answers late, not at all, or by one of several backends. */

import { describe, expect, test } from "bun:test";
import type { Conn } from "#base/conn.ts";
import { type Connect, dial } from "#relay/dial.ts";
import { relayLimits } from "#relay/limits.ts";
import { ManualClock } from "#test/support/manual-clock.ts";
import { memoryPair } from "#test/support/memory-conn.ts";
import { Recorder } from "#test/support/recorder.ts";
import { eventually } from "#test/support/wait.ts";

const to = { transport: "tcp", host: "db.shop.svc", port: 5432 } as const;
const [againMs, onceMoreMs] = relayLimits.connectAgainMs as [number, number];

/** An address whose attempts are answered by hand. */
function rig() {
  const clock = new ManualClock();
  const attempts: PromiseWithResolvers<Conn>[] = [];
  const connect: Connect = () => {
    const attempt = Promise.withResolvers<Conn>();
    attempts.push(attempt);
    return attempt.promise;
  };
  const outcome: { conn?: Conn; error?: unknown } = {};
  dial(to, connect, clock).then(
    (conn) => Object.assign(outcome, { conn }),
    (error: unknown) => Object.assign(outcome, { error }),
  );
  return { clock, attempts, outcome };
}

/** What comes too late is not kept open. */
async function expectAborted(attempt: PromiseWithResolvers<Conn> | undefined): Promise<void> {
  const [conn, peer] = memoryPair();
  const recorder = new Recorder(peer);
  attempt?.resolve(conn);
  await eventually("the late connection to be given up", () => recorder.closed);
}

describe("an address that", () => {
  test("answers is connected to once", async () => {
    const { clock, attempts, outcome } = rig();
    const [conn] = memoryPair();
    attempts[0]?.resolve(conn);
    await clock.advance(0);
    await clock.advance(relayLimits.connectMs);
    expect(outcome.conn).toBe(conn);
    expect(attempts.length).toBe(1);
  });

  test("refuses is an error at once", async () => {
    const { clock, attempts, outcome } = rig();
    const refused = new Error("refused");
    attempts[0]?.reject(refused);
    await clock.advance(0);
    expect(outcome.error).toBe(refused);
    await clock.advance(relayLimits.connectMs);
    expect(attempts.length).toBe(1);
  });

  test("leads to a backend that is gone is tried beside that, and the one that answers is taken", async () => {
    const { clock, attempts, outcome } = rig();
    await clock.advance(againMs);
    expect(attempts.length).toBe(2);
    const [conn] = memoryPair();
    attempts[1]?.resolve(conn);
    await clock.advance(0);
    expect(outcome.conn).toBe(conn);
    await expectAborted(attempts[0]);
  });

  test("refuses one attempt is an error only once the others have failed as well", async () => {
    const { clock, attempts, outcome } = rig();
    await clock.advance(againMs);
    attempts[1]?.reject(new Error("refused"));
    await clock.advance(0);
    expect(outcome.error).toBeUndefined();
    attempts[0]?.reject(new Error("no route to host"));
    await clock.advance(0);
    await clock.advance(onceMoreMs);
    expect(String(outcome.error)).toContain("no route to host");
    expect(attempts.length).toBe(2);
  });

  test("never answers is given up in time, with every attempt", async () => {
    const { clock, attempts, outcome } = rig();
    await clock.advance(relayLimits.connectMs);
    expect(outcome.error).toMatchObject({ code: "target-unreachable", message: "timed out" });
    expect(attempts.length).toBe(3);
    for (const attempt of attempts) await expectAborted(attempt);
  });
});
