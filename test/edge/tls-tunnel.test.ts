/** The edge's end of the transport tls: whom it keeps connections of, and whom it gives them to. */

import { afterEach, expect, test } from "bun:test";
import { connect, file, write } from "bun";
import { type Clock, systemClock } from "#base/clock.ts";
import type { Conn } from "#base/conn.ts";
import { silentLog } from "#base/log.ts";
import { edgeIdentity } from "#edge/tunnel/edge-identity.ts";
import { TlsTunnel } from "#edge/tunnel/tls-tunnel.ts";
import { connectPinned } from "#net/pinned-tls.ts";
import { type Identity, identityOf, makeKey } from "#tls/identity.ts";
import { uplinkGreetings } from "#wire/uplink-frame.ts";
import { RawClient } from "#test/support/raw-client.ts";
import { Recorder } from "#test/support/recorder.ts";
import { tempDir } from "#test/support/temp-dir.ts";
import { eventually, within } from "#test/support/wait.ts";

const host = "127.0.0.1";
const newIdentity = (): Identity => identityOf(makeKey(), Date.now()) as Identity;
const [edge, known, stranger] = [newIdentity(), newIdentity(), newIdentity()] as const;
const never = new AbortController().signal;

const closing: (() => void)[] = [];
afterEach(() => {
  for (const close of closing.splice(0).reverse()) close();
});

function tunnelOf(acceptPage: (conn: Conn) => void = () => {}, clock: Clock = systemClock): TlsTunnel {
  const tunnel = new TlsTunnel({ hosts: [host], identity: edge, clock, log: silentLog, acceptPage });
  closing.push(() => tunnel.close());
  tunnel.follow({ transport: "tls", tunnelPort: 0, uplinks: [{ ordinal: 0, address: "10.200.0.2", publicKey: known.pin }] });
  return tunnel;
}

async function connected(tunnel: TlsTunnel, identity = known, greeting: keyof typeof uplinkGreetings = "parked"): Promise<Recorder> {
  const conn = await connectPinned({ host, port: tunnel.port ?? 0, identity, pin: edge.pin, signal: never });
  closing.push(() => conn.abort());
  conn.write(uplinkGreetings[greeting]);
  return new Recorder(conn);
}

test("what an uplink has left there is given to who asks, and who asks before it comes waits", async () => {
  const tunnel = tunnelOf();
  const waiting = tunnel.way(known.pin).connect(never);
  const uplink = await connected(tunnel);
  await uplink.until(() => uplink.length === 1);
  (await waiting).write(new TextEncoder().encode("asked"));
  await uplink.until(() => uplink.text().endsWith("asked"));
  expect(tunnel.lastHandshake(0)).toMatch(/^\d{4}-/);
});

test("one with an unknown key is cut without a word, and so is one that shows none", async () => {
  const tunnel = tunnelOf();
  const foreign = await connected(tunnel, stranger);
  await within(10_000, "the end of the stranger", foreign.untilClosed());
  expect(foreign.length).toBe(0);
  const closed = Promise.withResolvers<void>();
  let answeredBytes = 0;
  await connect({
    hostname: host,
    port: tunnel.port ?? 0,
    tls: { rejectUnauthorized: false },
    socket: {
      data: (_, bytes) => {
        answeredBytes += bytes.length;
      },
      close: () => closed.resolve(),
      error: () => closed.resolve(),
    },
  });
  await within(10_000, "the end of the nameless", closed.promise);
  expect(answeredBytes).toBe(0);
});

test("an edge with another key than expected is left", async () => {
  const tunnel = tunnelOf();
  const connecting = connectPinned({ host, port: tunnel.port ?? 0, identity: known, pin: stranger.pin, signal: never });
  expect(await connecting.catch((error: unknown) => error)).toMatchObject({
    code: "connection-lost",
    message: expect.stringContaining("another key"),
  });
});

test("one that leaves the plan loses what waits, and is a stranger at once; what is in use goes on", async () => {
  const tunnel = tunnelOf();
  const [used, idle] = [await connected(tunnel), await connected(tunnel)];
  for (const each of [used, idle]) await each.until(() => each.length === 1);
  const inUse = new Recorder(await tunnel.way(known.pin).connect(never));
  tunnel.follow({ transport: "tls", tunnelPort: 0, uplinks: [] });
  const ends = await Promise.race([used.untilClosed().then(() => [used, idle]), idle.untilClosed().then(() => [idle, used])]);
  const [left, stays] = ends as [Recorder, Recorder];
  expect([left.closed, stays.closed]).toEqual([true, false]);
  stays.write("still");
  await inUse.untilText("still");
  const again = await connected(tunnel);
  await within(10_000, "the refusal", again.untilClosed());
  expect(again.length).toBe(0);
});

test("one that asks for a connection when its uplink leaves the plan hears so at once", async () => {
  const tunnel = tunnelOf();
  const asking = tunnel.way(known.pin).connect(never);
  tunnel.follow({ transport: "tls", tunnelPort: 0, uplinks: [] });
  expect(await asking.catch((error: unknown) => error)).toMatchObject({ code: "connection-lost", message: "it has left the plan" });
});

test("one that says nothing, before its handshake or after it, holds its connection no longer than its time", async () => {
  const waits: (() => void)[] = [];
  const clock: Clock = {
    ...systemClock,
    after: (_, callback) => {
      waits.push(callback);
      return () => void waits.splice(waits.indexOf(callback), 1);
    },
  };
  const tunnel = tunnelOf(() => {}, clock);
  const silent = await RawClient.open(tunnel.port ?? 0);
  await eventually("its time to run", () => waits.length === 1);
  waits[0]?.();
  await within(10_000, "the end of the silent one", silent.whenClosed());
  const shaken = await connectPinned({ host, port: tunnel.port ?? 0, identity: known, pin: edge.pin, signal: never });
  const recorded = new Recorder(shaken);
  await eventually("the time of its greeting to run", () => waits.length > 0);
  for (const end of [...waits]) end();
  await within(10_000, "the end of the one without a greeting", recorded.untilClosed());
});

test("a stranger that does not speak TLS is left", async () => {
  const tunnel = tunnelOf();
  const silent = await RawClient.open(tunnel.port ?? 0);
  silent.write("GET / HTTP/1.1\r\n\r\n");
  await within(10_000, "the end of what does not speak TLS", silent.whenClosed());
});

test("its key is made once, stays its own, and another file in its place is not replaced", async () => {
  await using folder = await tempDir();
  const made = await edgeIdentity(folder.path, systemClock);
  expect((await edgeIdentity(folder.path, systemClock)).pin).toBe(made.pin);
  expect((await file(`${folder.path}/tls.pin`).text()).trim()).toBe(made.pin);
  expect((await file(`${folder.path}/tls.key`).stat()).mode & 0o777).toBe(0o600);
  await write(`${folder.path}/tls.key`, "not a key");
  expect(await edgeIdentity(folder.path, systemClock).catch((error: unknown) => error)).toMatchObject({ code: "state-failed" });
});
