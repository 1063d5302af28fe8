/** UDP sockets: against the Datagrams contract, many peers of one socket, and what the network reports. */

import { expect, test } from "bun:test";
import type { Datagrams } from "#base/datagrams.ts";
import { KtError } from "#base/errors.ts";
import { listenTcp } from "#net/tcp.ts";
import { connectUdp, listenUdp, type UdpListener, type UdpPeer } from "#net/udp.ts";
import { DatagramRecorder } from "#test/support/datagram-recorder.ts";
import { MemoryDatagrams } from "#test/support/memory-datagrams.ts";
import { datagramsContract, type DatagramsPair } from "./datagrams-contract.ts";

const host = "127.0.0.1";

/** Two connected sockets, and a bound one between them that passes on what each sends to the other. */
async function socketPair(): Promise<DatagramsPair> {
  const peers: UdpPeer[] = [];
  const introduced = Promise.withResolvers<void>();
  const middle = listenUdp({
    host,
    port: 0,
    onDatagram(payload, from) {
      const other = peers.find(({ port }) => port !== from.port);
      if (peers.length === 2 && other) middle.send(payload, other);
      else if (peers.push(from) === 2) introduced.resolve();
    },
  });
  const [near, far] = [await connectUdp({ host, port: middle.port }), await connectUdp({ host, port: middle.port })];
  for (const each of [near, far]) each.send(new Uint8Array());
  await introduced.promise;
  return { near, far, close: () => middle.close() };
}

datagramsContract("a pair of connected sockets", socketPair);
datagramsContract("a pair in memory", async () => {
  const [near, far] = MemoryDatagrams.pair();
  return { near, far };
});

/** Answers each peer with what it sent. */
function echo(at: string = host, port = 0): UdpListener {
  const listener = listenUdp({ host: at, port, onDatagram: (payload, from) => void listener.send(payload, from) });
  return listener;
}

test.skipIf(process.platform !== "linux")("a burst of a thousand datagrams waits in the kernel until it is read", async () => {
  let received = 0;
  const all = Promise.withResolvers<void>();
  const listener = listenUdp({ host, port: 0, onDatagram: () => ++received === 1000 && all.resolve() });
  const client = await connectUdp({ host, port: listener.port });
  for (let sent = 0; sent < 1000; sent++) client.send(new Uint8Array(16));
  await all.promise;
  client.close();
  listener.close();
});

/** A port on which nothing listens any more. */
function deadPort(): number {
  const listener = echo();
  listener.close();
  return listener.port;
}

test("a bound socket answers each of its peers, by itself", async () => {
  const listener = echo();
  const clients = await Promise.all(Array.from({ length: 50 }, () => connectUdp({ host, port: listener.port })));
  const recorders = clients.map((client) => new DatagramRecorder(client));
  for (const [index, client] of recorders.entries()) client.send(`from ${index}`);
  await Promise.all(recorders.map((client) => client.untilReceived(1)));
  expect(recorders.map((client) => client.texts())).toEqual(recorders.map((_, index) => [`from ${index}`]));
  for (const client of clients) client.close();
  listener.close();
});

test("a peer is reached by its name, and by IPv6", async () => {
  const listener = echo();
  const byName = new DatagramRecorder(await connectUdp({ host: "localhost", port: listener.port }));
  byName.send("hello");
  await byName.untilReceived(1);
  expect(byName.datagrams.remoteAddress).toBe(host);
  const other = echo("::1");
  const byAddress = new DatagramRecorder(await connectUdp({ host: "::1", port: other.port }));
  byAddress.send("hello");
  await byAddress.untilReceived(1);
  for (const each of [byName.datagrams, byAddress.datagrams, listener, other]) each.close();
});

test("a name that does not resolve is the system's own error", async () => {
  const error = await connectUdp({ host: "nowhere.invalid", port: 53 }).catch((thrown: unknown) => thrown);
  expect(error).toMatchObject({ code: expect.stringMatching(/NOTFOUND|EAI_AGAIN/) });
});

test("a port that is taken, and an address that is not this machine's, fail with their own codes", () => {
  const listener = echo();
  const problemOf = (at: UdpPeer): unknown => {
    try {
      listenUdp({ ...at, onDatagram() {} }).close();
      return undefined;
    } catch (error) {
      return error;
    }
  };
  const taken = problemOf({ host, port: listener.port });
  expect(taken).toBeInstanceOf(KtError);
  expect(taken).toMatchObject({ code: "port-taken", message: `listen on 127.0.0.1:${listener.port}/udp: the port is taken` });
  expect(problemOf({ host: "203.0.113.1", port: 0 })).toMatchObject({ code: "listen-failed" });
  listener.close();
});

test("a TCP listener does not take the UDP port of its number", () => {
  const tcp = listenTcp({ host, port: 0, accept: (conn) => conn.abort() });
  const listener = echo(host, tcp.port);
  expect(listener.port).toBe(tcp.port);
  listener.close();
  tcp.close();
});

test("that nothing listens on the peer's port is reported, and the flow goes on when something does", async () => {
  const port = deadPort();
  const client = new DatagramRecorder(await connectUdp({ host, port }));
  client.send("too early");
  await client.until(() => client.reports.length > 0);
  expect(client.reports[0]).toMatchObject({ code: "target-refused", message: `send to 127.0.0.1:${port}/udp: connection refused` });
  const listener = echo(host, port);
  client.send("now");
  await client.untilReceived(1);
  expect(client.texts()).toEqual(["now"]);
  expect(client.events).not.toContain("close");
  client.datagrams.close();
  listener.close();
});

test("a peer that went away takes no datagram from the others of a bound socket", async () => {
  const peer = Promise.withResolvers<UdpPeer>();
  const listener = listenUdp({ host, port: 0, onDatagram: (_, from) => peer.resolve(from) });
  const client: Datagrams = await connectUdp({ host, port: listener.port });
  const recorder = new DatagramRecorder(client);
  recorder.send("here I am");
  const here = await peer.promise;
  const gone = { host, port: deadPort() };
  for (let round = 0; round < 50; round++) {
    listener.send(new Uint8Array([1]), gone);
    expect(listener.send(new Uint8Array([2]), here)).toBe(true);
  }
  await recorder.untilReceived(50);
  client.close();
  listener.close();
});
