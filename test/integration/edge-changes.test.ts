/** Changes of an edge's plan under open connections: none is cut, and new connections are served at every moment. */

import { afterEach, expect, test } from "bun:test";
import type { TcpEdgeBinding } from "#expose/host/edge-document.ts";
import { EdgeUser, echo } from "#test/support/edge-user.ts";
import { keyOf, tcpBinding } from "#test/support/edge-rig.ts";
import { onOverlay } from "#test/support/overlay.ts";
import type { RawClient } from "#test/support/raw-client.ts";
import { Recorder } from "#test/support/recorder.ts";
import { eventually } from "#test/support/wait.ts";

const user = new EdgeUser();
afterEach(() => user.leave());

/** The same connection still carries bytes both ways. */
async function lives(one: RawClient, words: string): Promise<void> {
  one.clear();
  one.write(words);
  await one.readUntil(words);
}

/** What the n-th plan says of the binding that is edited, moved, taken away and brought back. */
function edited(step: number): TcpEdgeBinding[] {
  const settings = { idleTimeoutMs: 60_000 + step, target: keyOf(step % 3 === 0 ? "a" : "b"), connectTimeoutMs: 1000 + step };
  return step % 5 === 4 ? [] : [tcpBinding("edited", step % 7 === 3 ? 5002 : 5000, settings)];
}

onOverlay("changes of the plan", () => {
  test("no connection is cut by 50 edits, moves and removals of its binding and of others", async () => {
    const made = await user.rig(2);
    for (const ordinal of [0, 1]) user.uplink(made.net.uplink(ordinal), keyOf("a"), keyOf("b")).onOpen = echo;
    const still = tcpBinding("still", 5001);
    await made.plan([still, ...edited(0)]);
    await eventually("two healthy uplinks", () => made.edge.status().uplinks.every(({ isHealthy }) => isHealthy));
    const open = await Promise.all([5000, 5000, 5001, 5001].map((port) => user.answered(made, port)));
    for (let step = 1; step <= 50; step++) {
      const others = step % 2 === 0 ? [tcpBinding(`other${step}`, 6000 + step)] : [];
      const wanted = edited(step);
      await made.plan([...others, ...wanted, still]);
      for (const one of open) await lives(one, `after edit ${step}`);
      open.push(await user.answered(made, 5001));
      for (const { listenPort } of [...wanted, ...others]) open.push(await user.answered(made, listenPort));
    }
    expect(open.some(({ closed }) => closed)).toBe(false);
  }, 60_000);

  test("a removed binding accepts nothing more, and one that comes back serves at once", async () => {
    const made = await user.rig();
    user.uplink(made.net.uplink(0), keyOf("a")).onOpen = echo;
    await made.plan([tcpBinding("x", 5000)]);
    await made.until("x", "Listening");
    const open = await user.answered(made);
    await made.plan([]);
    await expect(user.client(made, 5000)).rejects.toThrow();
    await lives(open, "still there");
    await made.plan([tcpBinding("x", 5000)]);
    expect(made.stateOf("x")).toBe("Listening");
    await user.answered(made);
  });

  test("a new target gets connections once an uplink serves it, and the former one until then", async () => {
    const made = await user.rig();
    const up = user.uplink(made.net.uplink(0), keyOf("a"));
    up.onOpen = echo;
    const [before, after] = [tcpBinding("x", 5000), tcpBinding("x", 5000, { target: keyOf("b") })];
    await made.plan([before]);
    await made.until("x", "Listening");
    await made.plan([after]);
    expect(made.edge.status().bindings).toMatchObject([{ hash: before.hash, state: "Listening" }]);
    await user.answered(made);
    expect(up.asked.at(-1)?.target).toBe(keyOf("a"));
    up.serve([keyOf("a"), keyOf("b")]);
    await made.until("x", "Listening", after.hash);
    await user.answered(made);
    expect(up.asked.at(-1)?.target).toBe(keyOf("b"));
  });

  test("an uplink that leaves the plan gets nothing more, and keeps what is open through it", async () => {
    const made = await user.rig(2);
    const ups = [0, 1].map((ordinal) => user.uplink(made.net.uplink(ordinal), keyOf("a")));
    for (const up of ups) up.onOpen = echo;
    await made.plan([tcpBinding("x", 5000)]);
    await eventually("two healthy uplinks", () => made.edge.status().uplinks.every(({ isHealthy }) => isHealthy));
    const open = [await user.answered(made), await user.answered(made)];
    const { net } = made;
    await made.plan([tcpBinding("x", 5000)], { uplinks: [{ ordinal: 0, address: net.uplink(0), publicKey: "key0" }] });
    const before = ups[1]?.asked.length;
    await Promise.all(Array.from({ length: 4 }, () => user.answered(made)));
    expect(ups[1]?.asked.length).toBe(before);
    for (const one of open) await lives(one, "still there");
  });

  test("an edge that drains accepts nothing more, and ends with its last connection", async () => {
    const made = await user.rig();
    const { promise: target, resolve } = Promise.withResolvers<Recorder>();
    user.uplink(made.net.uplink(0), keyOf("a")).onOpen = (conn) => resolve(new Recorder(conn));
    await made.plan([tcpBinding("x", 5000)]);
    await made.until("x", "Listening");
    const one = await user.client(made, 5000);
    const recorder = await target;
    const drained = made.edge.drain();
    await expect(user.client(made, 5000)).rejects.toThrow();
    recorder.write("goes on");
    await one.readUntil("goes on");
    expect(await Promise.race([drained.then(() => "over"), Promise.resolve("waits")])).toBe("waits");
    one.end();
    await recorder.untilEnd();
    recorder.conn.end();
    await drained;
  });
});
