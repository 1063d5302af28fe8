/** Connections that come out of a cluster, joined to ports of this machine over real sockets: what is counted, refused and ended. */

import { afterEach, expect, test } from "bun:test";
import { listen } from "bun";
import { KtError } from "#base/errors.ts";
import { CounterTable } from "#observe/counters.ts";
import type { KtEvent } from "#observe/events.ts";
import { proxyLimits } from "#proxy/limits.ts";
import { type Caller, ReverseDoor } from "#proxy/reverse-door.ts";
import { ManualClock } from "#test/support/manual-clock.ts";
import { type MemoryConn, memoryPair } from "#test/support/memory-conn.ts";
import { eventually } from "#test/support/wait.ts";

const closing: (() => unknown)[] = [];
afterEach(() => {
  for (const close of closing.splice(0)) close();
});

/** The end of a connection that kt has, and what was said of it. */
function callerOf(conn: MemoryConn) {
  const said: string[] = [];
  const caller: Caller = Object.assign(conn, {
    accept: () => void said.push("accepted"),
    refuse: (reason: string, text: string) => {
      said.push(`${reason}: ${text}`);
      conn.abort();
    },
  });
  return { caller, said };
}

function rig(refusal: () => KtError | undefined = () => undefined) {
  const counters = new CounterTable();
  const events: KtEvent[] = [];
  const clock = new ManualClock();
  const door = new ReverseDoor({ counters, clock, report: (event) => void events.push(event), refusal });
  const call = (local: readonly { readonly host: string; readonly port: number }[]) => {
    const [client, mine] = memoryPair();
    const heard = { text: "", ended: false, closed: false };
    client.start({
      onData(bytes) {
        heard.text += new TextDecoder().decode(bytes);
      },
      onEnd() {
        heard.ended = true;
      },
      onDrain() {},
      onClose() {
        heard.closed = true;
      },
    });
    const { caller, said } = callerOf(mine);
    door.accept(caller, { profile: "/p", route: "shop/api:80", local });
    return { client, heard, said };
  };
  return { call, clock, door, events, counted: () => counters.get("/p", "shop/api:80") };
}

function upper(): number {
  const server = listen({
    hostname: "127.0.0.1",
    port: 0,
    allowHalfOpen: true,
    socket: { data: (socket, bytes) => void socket.write(bytes.toString().toUpperCase()), end: (socket) => void socket.end() },
  });
  closing.push(() => server.stop(true));
  return server.port;
}

/** Nothing listens there (tcpmux), nor may a program that is not root. */
const unused = 1;

test("bytes and the ends of both halves pass, and are counted from the caller's side", async () => {
  const { call, counted } = rig();
  const { client, heard, said } = call([{ host: "127.0.0.1", port: upper() }]);
  client.write(new TextEncoder().encode("hello"));
  await eventually("the answer", () => heard.text === "HELLO");
  expect(said).toEqual(["accepted"]);
  expect(counted()).toMatchObject({ openConnections: 1, totalConnections: 1, sentBytes: 5, receivedBytes: 5, failures: 0 });
  client.end();
  await eventually("the end", () => heard.ended && counted()?.openConnections === 0);
});

test("the next address is tried where nothing listens on the first", async () => {
  const { call } = rig();
  const { client, heard } = call([
    { host: "127.0.0.1", port: unused },
    { host: "127.0.0.1", port: upper() },
  ]);
  client.write(new TextEncoder().encode("x"));
  await eventually("the answer", () => heard.text === "X");
});

test("a port on which nothing listens is a refusal, which the route shows", async () => {
  const { call, counted, events } = rig();
  const port = unused;
  const { heard, said } = call([{ host: "127.0.0.1", port }]);
  await eventually("the refusal", () => heard.closed);
  const message = `nothing listens on 127.0.0.1:${port} of this machine`;
  expect(said).toEqual([`refused: ${message}`]);
  expect(counted()).toMatchObject({ openConnections: 0, failures: 1, lastProblem: { code: "target-refused", message } });
  expect(events.map(({ type }) => type)).toContain("refused");
});

test("connections over the limit, and those that come while descriptors are short, are refused", async () => {
  const port = upper();
  const many = rig();
  const open = Array.from({ length: proxyLimits.reverseConnections }, () => many.call([]));
  expect(many.call([{ host: "127.0.0.1", port }]).said).toEqual(["overloaded: too many connections come from the cluster at once"]);
  await eventually("the others to be refused", () => open.every(({ said }) => said.length === 1));
  const short = rig(() => new KtError("overloaded", "no descriptor is left"));
  expect(short.call([{ host: "127.0.0.1", port }]).said).toEqual(["overloaded: no descriptor is left"]);
  expect(short.counted()).toMatchObject({ failures: 1 });
});

test("open connections may go on for a while when kt ends, and no longer", async () => {
  const { call, clock, door } = rig();
  const { client, heard } = call([{ host: "127.0.0.1", port: upper() }]);
  client.write(new TextEncoder().encode("a"));
  await eventually("the answer", () => heard.text === "A");
  const drained = door.drain(1000);
  client.write(new TextEncoder().encode("b"));
  await eventually("the next answer", () => heard.text === "AB");
  await clock.advance(1000);
  await drained;
  await eventually("its end", () => heard.closed);
});
