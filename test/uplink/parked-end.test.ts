/** The uplink's end of the transport tls: connections wait at the edge, more of them after a burst, and again after the edge was away. */

import { afterEach, expect, test } from "bun:test";
import { writeFile } from "node:fs/promises";
import { systemClock } from "#base/clock.ts";
import type { Conn } from "#base/conn.ts";
import { silentLog } from "#base/log.ts";
import { listenPinned } from "#net/pinned-tls.ts";
import { type Identity, identityOf, makeKey } from "#tls/identity.ts";
import { ParkedEnd } from "#uplink/parked-end.ts";
import { edgeWelcome, uplinkGreetingBytes } from "#wire/uplink-frame.ts";
import { tempDir } from "#test/support/temp-dir.ts";
import { uplinkDocument } from "#test/support/uplink-rig.ts";
import { eventually } from "#test/support/wait.ts";

const host = "127.0.0.1";
const newIdentity = (): Identity => identityOf(makeKey(), Date.now()) as Identity;
const [edge, own] = [newIdentity(), newIdentity()] as const;

const closing: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});

/** An edge that welcomes all, and what waits with it. */
function edgeAt(port: number, identity = edge): { readonly port: number; readonly parked: Set<Conn>; readonly close: () => void } {
  const parked = new Set<Conn>();
  const accept = (conn: Conn): void => {
    let greetingBytes = 0;
    conn.start({
      onData(bytes) {
        greetingBytes += bytes.length;
        if (greetingBytes !== uplinkGreetingBytes) return;
        conn.write(edgeWelcome());
        parked.add(conn);
      },
      onEnd: () => conn.end(),
      onDrain() {},
      onClose: () => parked.delete(conn),
    });
  };
  const listener = listenPinned({ host, port, identity, reusePort: true, onShaking: () => () => {}, accept });
  const close = (): void => {
    listener.close();
    for (const conn of parked) conn.abort();
  };
  closing.push(close);
  return { port: listener.port, parked, close };
}

async function parkedEnd(port: number, asked: (conn: Conn) => void = () => {}): Promise<ParkedEnd> {
  const folder = await tempDir();
  closing.push(() => folder[Symbol.asyncDispose]());
  const keyFile = `${folder.path}/0`;
  await writeFile(keyFile, own.key);
  const end = new ParkedEnd({ keyFile, accept: asked, clock: systemClock, log: silentLog });
  closing.push(() => end.close());
  end.follow({ ...uplinkDocument([]), transport: "tls", edge: { host, port, publicKey: edge.pin, address: "10.200.0.1" } });
  return end;
}

test("one that is used is replaced, and a burst makes more of them wait", async () => {
  const { port, parked } = edgeAt(0);
  let asked = 0;
  await parkedEnd(port, (conn) => {
    asked += 1;
    conn.abort();
  });
  await eventually("the first to wait", () => parked.size === 8);
  for (const conn of [...parked]) conn.write(Uint8Array.of(1));
  await eventually("twice as many", () => asked === 8 && parked.size === 16);
});

test("an edge that was away is reached again by itself", async () => {
  const first = edgeAt(0);
  const end = await parkedEnd(first.port);
  await eventually("they wait", () => first.parked.size === 8);
  first.close();
  await eventually("it says so", () => end.problem !== undefined);
  const second = edgeAt(first.port);
  await eventually("they wait again", () => second.parked.size === 8);
  expect(end.problem).toBeUndefined();
});

test("an edge with another key is not served, and that is said", async () => {
  const { port, parked } = edgeAt(0, newIdentity());
  const end = await parkedEnd(port);
  await eventually("it says so", () => end.problem?.includes("another key"));
  expect(parked.size).toBe(0);
});
