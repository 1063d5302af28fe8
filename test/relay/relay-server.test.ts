/** The relay in the cluster: whom it serves, what it connects to, and when it ends. */

import { afterEach, describe, expect, test } from "bun:test";
import { listen } from "bun";
import { silentLog } from "#base/log.ts";
import { RelaySession } from "#mux/relay-session.ts";
import { listenUdp } from "#net/udp.ts";
import { relayLimits } from "#relay/limits.ts";
import { RelayServer } from "#relay/relay-server.ts";
import { DatagramRecorder } from "#test/support/datagram-recorder.ts";
import { ManualClock } from "#test/support/manual-clock.ts";
import { memoryPair } from "#test/support/memory-conn.ts";
import { eventually } from "#test/support/wait.ts";

const ttlMs = 60_000;
const closing: (() => void)[] = [];
afterEach(() => {
  for (const close of closing.splice(0)) close();
});

function rig() {
  const clock = new ManualClock();
  const state = { ended: undefined as string | undefined };
  const server = new RelayServer({ id: "relay", ttlMs, clock, log: silentLog, onUnused: (why) => Object.assign(state, { ended: why }) });
  closing.push(() => server.close());
  const join = (user: string) => {
    const [near, far] = memoryPair();
    server.accept(far);
    const closed = { why: undefined as string | undefined };
    const session = new RelaySession({
      conn: near,
      role: "client",
      id: user,
      handler: {
        onHello: () => {},
        onOpen: (channel) => channel.refuse("refused", ""),
        onHeard: () => {},
        onPong: () => {},
        onGoAway: () => {},
        onClose: (error) => Object.assign(closed, { why: error.message }),
      },
    });
    return { session, closed, near };
  };
  return { clock, state, join, server };
}

describe("its end", () => {
  test("comes when no user was heard for its time to live, and not while one is", async () => {
    const { clock, state, join } = rig();
    const { session } = join("ann");
    await clock.advance(0);
    for (let beats = 0; beats < 10; beats++) {
      await clock.advance(ttlMs / 2);
      session.ping();
      await clock.advance(0);
    }
    expect(state.ended).toBeUndefined();
    await clock.advance(ttlMs + 2 * relayLimits.tickMs);
    expect(state.ended).toBe("no user was heard");
  });

  test("comes with the goodbye of the last user, not with that of one of two, nor with a connection that breaks", async () => {
    const { clock, state, join } = rig();
    const [ann, annToo, bob] = [join("ann"), join("ann"), join("bob")];
    await clock.advance(0);
    bob.near.abort();
    await clock.advance(0);
    ann.session.leave();
    await clock.advance(0);
    expect(state.ended).toBeUndefined();
    expect(annToo.closed.why).toBeDefined();
    const again = join("bob");
    await clock.advance(0);
    again.session.leave();
    await clock.advance(0);
    expect(state.ended).toBe("its last user has left");
  });

  test("comes also where no user ever came", async () => {
    const { clock, state } = rig();
    await clock.advance(ttlMs + relayLimits.tickMs);
    expect(state.ended).toBe("no user was heard");
  });
});

test("a peer that does not say who it is has to go, and another that sends anything else at once", async () => {
  const { clock, server } = rig();
  const [quiet, quietFar] = memoryPair();
  const [web, webFar] = memoryPair();
  server.accept(quietFar);
  server.accept(webFar);
  const closed: string[] = [];
  for (const [name, conn] of Object.entries({ quiet, web }))
    conn.start({ onData() {}, onEnd() {}, onDrain() {}, onClose: () => void closed.push(name) });
  web.write(new TextEncoder().encode("GET / HTTP/1.1\r\n\r\n"));
  await clock.advance(0);
  expect(closed).toEqual(["web"]);
  await clock.advance(relayLimits.helloMs + relayLimits.tickMs);
  expect(closed).toEqual(["web", "quiet"]);
});

test("when its pod is to go, takes no more connections and lets those that are open end", async () => {
  const { clock, join, server } = rig();
  const { session, closed } = join("ann");
  const backend = listen({ hostname: "127.0.0.1", port: 0, socket: { data: (socket, bytes) => void socket.write(bytes) } });
  closing.push(() => backend.stop(true));
  const stream = session.openStream("127.0.0.1", backend.port);
  const heard: number[] = [];
  stream.start({ onData: (bytes) => void heard.push(...bytes), onEnd() {}, onDrain() {}, onClose() {} });
  stream.write(new Uint8Array([1]));
  await eventually("the echo", () => heard.length === 1);
  const drained = server.drain();
  await clock.advance(relayLimits.drainLookMs);
  expect(session.canOpen).toBe(false);
  stream.write(new Uint8Array([2]));
  await eventually("the echo of an open connection", () => heard.length === 2);
  stream.abort();
  await clock.advance(2 * relayLimits.drainLookMs);
  await drained;
  await clock.advance(0);
  expect(closed.why).toBeDefined();
});

test("more sessions than there may be are closed", async () => {
  const { clock, join } = rig();
  const all = Array.from({ length: relayLimits.sessions + 1 }, () => join("ann"));
  await clock.advance(0);
  expect(all.filter(({ closed }) => closed.why !== undefined).length).toBe(1);
});

test("carries datagrams both ways, and reports a port on which nothing listens without ending the flow", async () => {
  const { join } = rig();
  const { session } = join("ann");
  const server = listenUdp({ host: "127.0.0.1", port: 0, onDatagram: (payload, from) => void server.send(payload, from) });
  closing.push(() => server.close());
  const flow = new DatagramRecorder(session.openFlow("127.0.0.1", server.port));
  flow.datagrams.send(new Uint8Array([1, 2, 3]));
  await eventually("the answer", () => flow.received.length === 1);
  const closed = listenUdp({ host: "127.0.0.1", port: 0, onDatagram() {} });
  const { port } = closed;
  closed.close();
  const dead = new DatagramRecorder(session.openFlow("127.0.0.1", port));
  await eventually("the report", () => {
    dead.datagrams.send(new Uint8Array([1]));
    return dead.reports.length > 0;
  });
  expect(dead.reports[0]).toMatchObject({ code: "target-refused" });
});

test("joins a stream to a connection, and a client that leaves before it is made ends it", async () => {
  const { join } = rig();
  const { session } = join("ann");
  let open = 0;
  const server = listen({
    hostname: "127.0.0.1",
    port: 0,
    socket: { open: () => void open++, close: () => void open--, data: (socket, bytes) => void socket.write(bytes) },
  });
  closing.push(() => server.stop(true));
  const stream = session.openStream("127.0.0.1", server.port);
  const heard: number[] = [];
  stream.start({ onData: (bytes) => void heard.push(...bytes), onEnd() {}, onDrain() {}, onClose() {} });
  stream.write(new Uint8Array([7]));
  await eventually("the echo", () => heard.length === 1);
  const hasty = session.openStream("127.0.0.1", server.port);
  hasty.abort();
  stream.abort();
  await eventually("every connection to be closed", () => open === 0);
  expect(session.openStreams).toBe(0);
});
