/** A hand-over between two instances of an edge: sessions keep their numbers and their uplinks, and no datagram is lost. */

import { afterEach, describe, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { write } from "bun";
import { silentLog } from "#base/log.ts";
import { systemClock } from "#base/clock.ts";
import { UdpDoors } from "#edge/udp/udp-doors.ts";
import { connectLocal, listenLocal } from "#net/local-socket.ts";
import { eventually, within } from "#test/support/wait.ts";
import { FakeUplink, FakeUplinks } from "./fake-uplink.ts";
import { Instance } from "./instance.ts";
import { Client } from "./rig.ts";

const ends: (() => void)[] = [];
afterEach(() => {
  for (const end of ends.splice(0).reverse()) end();
});

function folder(): string {
  const path = mkdtempSync("/tmp/kt-hand-over-");
  ends.push(() => rmSync(path, { recursive: true, force: true }));
  return path;
}

function instance(path: string, uplinks: FakeUplinks): Instance {
  const made = new Instance(path, uplinks, { uplinkPort: uplinks.all[0]?.port ?? 0 });
  ends.push(() => made.close());
  return made;
}

function rig(): { uplinks: FakeUplinks; uplink: FakeUplink; path: string } {
  const uplink = new FakeUplink("127.77.1.2");
  ends.push(() => uplink.close());
  return { uplinks: new FakeUplinks(uplink), uplink, path: `${folder()}/edge.sock` };
}

function clients(count: number): Client[] {
  const made = Array.from({ length: count }, () => new Client());
  ends.push(() => {
    for (const client of made) client.close();
  });
  return made;
}

// Where the system cannot steer a shared port there are no two instances: the edge runs on Linux alone.
describe.skipIf(process.platform !== "linux")("a hand-over", () => {
  test("keeps every session's number, uplink and source, and loses no datagram over 8 swaps under load", async () => {
    const { uplinks, uplink, path } = rig();
    let current = instance(path, uplinks);
    await current.start();
    const { port } = current;
    const all = clients(40);
    for (const client of all) await client.ask("first", port);
    const sessions = new Set(uplink.arrived.map(({ to }) => to.session));
    const source = uplink.edge.port;
    let sent = all.length;
    let isOver = false;
    const load = (async () => {
      while (!isOver) {
        for (const client of all) client.send(`${sent++}`, port);
        await new Promise((resolve) => setTimeout(resolve, 1));
      }
    })();
    for (let swap = 0; swap < 8; swap++) {
      const next = instance(path, uplinks);
      // By the port, as a plan says it.
      await within(5000, "the hand-over", next.start(port));
      expect(current.hasLeft).toBe(true);
      expect(current.doors.open.sessions).toBe(0);
      expect(next.doors.open.sessions).toBe(40);
      current = next;
    }
    isOver = true;
    await load;
    await eventually("every answer", () => all.reduce((sum, { received }) => sum + received.length, 0) >= sent);
    expect(all.reduce((sum, { received }) => sum + received.length, 0)).toBe(sent);
    expect(new Set(uplink.arrived.map(({ to }) => to.session))).toEqual(sessions);
    expect(uplink.edge.port).toBe(source);
    expect(uplink.ended).toEqual([]);
    expect(sent).toBeGreaterThan(1000);
  }, 30_000);

  test("carries on what the target sends of itself, and new clients", async () => {
    const { uplinks, uplink, path } = rig();
    const old = instance(path, uplinks);
    await old.start();
    const [quiet, late] = clients(2) as [Client, Client];
    await quiet.ask("first", old.port);
    const { port } = old;
    const next = instance(path, uplinks);
    await next.start(port);
    const to = uplink.arrived[0]?.to;
    if (to) uplink.sendTo(to, Buffer.from("of itself"));
    await eventually("it", () => quiet.received.includes("of itself"));
    expect(quiet.from).toBe(`127.0.0.1 ${port}`);
    expect(await late.ask("new", port)).toBe("new");
    expect(next.doors.open.sessions).toBe(2);
  });

  test("also takes the sessions of a port that no binding has any more", async () => {
    const { uplinks, path } = rig();
    const old = instance(path, uplinks);
    await old.start();
    const [client, other] = clients(2) as [Client, Client];
    const { port } = old;
    await client.ask("first", port);
    old.doors.lead([]);
    const next = instance(path, uplinks);
    await next.start(0);
    expect(await client.ask("still", port)).toBe("still");
    other.send("new", port);
    await eventually("a refusal", () => next.doors.counters.refused.closed === 1);
  });

  test("from an instance of another version begins the sessions anew, and serves", async () => {
    const { uplinks, path } = rig();
    const steps: string[] = [];
    const stop = listenLocal(path, (conn) => {
      conn.start({
        onData(bytes) {
          steps.push(...Buffer.from(bytes).toString().trim().split("\n"));
          if (steps.includes('"adopted"')) conn.end();
        },
        onEnd() {},
        onDrain() {},
        onClose() {},
      });
      conn.write(Buffer.from('{"version":99,"udp":"something else"}\n'));
    });
    ends.push(stop);
    const next = instance(path, uplinks);
    await within(5000, "the start", next.start());
    expect(steps).toEqual(['"other-version"', '"adopted"']);
    const [client] = clients(1) as [Client];
    expect(await client.ask("first", next.port)).toBe("first");
  });

  test("that breaks off leaves the predecessor serving as before", async () => {
    const { uplinks, path } = rig();
    const old = instance(path, uplinks);
    await old.start();
    const [client] = clients(1) as [Client];
    await client.ask("first", old.port);
    const broken = new UdpDoors({
      hosts: ["127.0.0.1"],
      uplinks,
      clock: systemClock,
      log: silentLog,
      settings: () => ({ edgeAddress: "127.77.1.1", maxSocketBufferBytes: 4 << 20 }),
      onChange() {},
    });
    const conn = await connectLocal(path);
    const { promise: gone, resolve } = Promise.withResolvers<void>();
    conn.start({ onData() {}, onEnd: () => conn.abort(), onDrain() {}, onClose: () => resolve() });
    broken.openBeside(old.doors.offer());
    conn.write(Buffer.from('"beside"\n'));
    // It dies with its sockets, as a killed process does.
    await eventually("the sockets were given to it", async () => {
      client.send("lost", old.port);
      await new Promise((next) => setImmediate(next));
      return old.doors.counters.receivedDatagrams > 0;
    });
    conn.abort();
    broken.close();
    await gone;
    client.send("again", old.port);
    await eventually("its answer", () => client.received.includes("again"));
    expect(old.hasLeft).toBe(false);
    // And another one may try.
    const next = instance(path, uplinks);
    await within(5000, "the hand-over", next.start(old.port));
    expect(old.hasLeft).toBe(true);
  });

  test("after a crash finds the path of the one that was killed, and starts without it", async () => {
    const { uplinks, path } = rig();
    await write(path, "not a socket that anyone has");
    const next = instance(path, uplinks);
    await within(5000, "the start", next.start());
    const after = instance(path, uplinks);
    await after.start(next.port);
    expect(next.hasLeft).toBe(true);
  });
});
