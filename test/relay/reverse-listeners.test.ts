/** The other way through a relay: connections that come to its pod, over real sockets, to the user's end of a session. */

import { afterEach, expect, test } from "bun:test";
import { silentLog } from "#base/log.ts";
import { RelaySession } from "#mux/relay-session.ts";
import { RelayStream } from "#mux/relay-stream.ts";
import { RelayServer } from "#relay/relay-server.ts";
import { ReverseListeners } from "#relay/reverse-listeners.ts";
import { ManualClock } from "#test/support/manual-clock.ts";
import { memoryPair } from "#test/support/memory-conn.ts";
import { RawClient } from "#test/support/raw-client.ts";
import { eventually, within } from "#test/support/wait.ts";

const closing: (() => void)[] = [];
afterEach(() => {
  for (const close of closing.splice(0)) close();
});

/** A relay with one port of a service, and users who do with each connection what `serve` says. */
function rig(serve: (stream: RelayStream, port: number, user: string) => void) {
  const clock = new ManualClock();
  const server = new RelayServer({ id: "relay", ttlMs: 60_000, clock, log: silentLog, onUnused() {} });
  const listeners = new ReverseListeners(["192.0.2.1", "127.0.0.1"], [{ listen: 0, service: 80 }], (port, caller) =>
    server.openToUser(port, caller),
  );
  closing.push(() => {
    listeners.close();
    server.close();
  });
  const callers: string[] = [];
  const join = (user: string): RelaySession => {
    const [near, far] = memoryPair();
    server.accept(far);
    return new RelaySession({
      conn: near,
      role: "client",
      id: user,
      handler: {
        onHello() {},
        onOpen: (channel, { host, port }) => {
          callers.push(host);
          if (channel instanceof RelayStream) serve(channel, port, user);
        },
        onHeard() {},
        onPong() {},
        onGoAway() {},
        onClose() {},
      },
    });
  };
  const connect = (): Promise<RawClient> => RawClient.open(listeners.ports[0] ?? 0);
  return { clock, server, join, connect, callers };
}

/** Sends back what comes, with the port in front, and ends with its peer. */
function echo(stream: RelayStream, port: number): void {
  stream.accept();
  stream.write(new TextEncoder().encode(`${port}:`));
  stream.start({ onData: (bytes) => void stream.write(bytes.slice()), onEnd: () => stream.end(), onDrain() {}, onClose() {} });
}

test("a connection reaches its user with the port of the service, and each half ends by itself", async () => {
  const { clock, join, connect, callers } = rig(echo);
  join("ann");
  await clock.advance(0);
  const client = await connect();
  client.write("hello");
  await within(10_000, "the echo", client.readUntil("80:hello"));
  client.end();
  await within(10_000, "the end", client.readToEnd());
  expect(callers[0]).toContain("127.0.0.1");
});

test("a user who refuses, and one who is not there, reset the connection", async () => {
  const { clock, join, connect } = rig((stream) => stream.refuse("refused", "nothing listens"));
  const early = await connect();
  await within(10_000, "the reset without a user", early.whenClosed());
  join("ann");
  await clock.advance(0);
  const client = await connect();
  await within(10_000, "the reset", client.whenClosed());
  expect([early.wasReset, client.wasReset]).toEqual([true, true]);
});

test("connections are spread over the user's sessions, and one that breaks takes only its own", async () => {
  const streams: { readonly stream: RelayStream; readonly session: number }[] = [];
  const { clock, join, connect } = rig((stream, port, user) => {
    streams.push({ stream, session: Number(user) });
    echo(stream, port);
  });
  const sessions = [join("0"), join("1")];
  await clock.advance(0);
  const clients: RawClient[] = [];
  for (let at = 0; at < 4; at++) {
    clients.push(await connect());
    await eventually("the stream", () => streams.length === at + 1);
  }
  expect(sessions.map(({ openStreams }) => openStreams)).toEqual([2, 2]);
  sessions[0]?.leave();
  const kept = clients.filter((_, at) => streams[at]?.session === 1);
  for (const client of kept) {
    client.write("still");
    await within(10_000, "the echo of the other session", client.readUntil("still"));
  }
  const lost = clients.filter((_, at) => streams[at]?.session === 0);
  for (const client of lost) await within(10_000, "the end of what was lost", client.whenClosed());
});

test("a user who does not read holds back its own caller, and no other", async () => {
  const stalled: RelayStream[] = [];
  const { clock, join, connect } = rig((stream, port) => {
    if (stalled.length === 0) stalled.push(stream);
    else echo(stream, port);
  });
  join("ann");
  await clock.advance(0);
  const [slow, quick] = [await connect(), await connect()];
  slow.write(new Uint8Array(4_000_000));
  await eventually("the stalled stream", () => stalled.length === 1);
  quick.write("hello");
  await within(10_000, "the echo", quick.readUntil("hello"));
  let heardBytes = 0;
  const onData = (bytes: Uint8Array): void => {
    heardBytes += bytes.length;
  };
  stalled[0]?.start({ onData, onEnd() {}, onDrain() {}, onClose() {} });
  await eventually("all of it", () => heardBytes === 4_000_000);
});
