/** DatagramSocket: batches arrive whole and in order, what cannot be sent harms no other, and a shared port can be handed over without loss. */

import { afterEach, expect, test } from "bun:test";
import { DatagramSocket } from "#net/datagram-socket.ts";
import { eventually } from "#test/support/wait.ts";

const open: DatagramSocket[] = [];

function socketAt(port: number, received: string[], { host = "127.0.0.1", isShared = false } = {}): DatagramSocket {
  const socket = new DatagramSocket({
    host,
    port,
    bufferBytes: 1 << 20,
    isShared,
    onDatagram: (payload) => received.push(Buffer.from(payload).toString()),
  });
  open.push(socket);
  return socket;
}

const bytes = (text: string): Uint8Array => Buffer.from(text);

afterEach(() => {
  for (const socket of open.splice(0)) socket.close();
});

test("a batch arrives whole, in order, and without being asked to go", async () => {
  const received: string[] = [];
  const to = socketAt(0, received);
  const from = socketAt(0, []);
  const texts = Array.from({ length: 100 }, (_, index) => `datagram ${index}`);
  for (const text of texts) from.send(bytes(text), to.port, "127.0.0.1");
  await eventually("all datagrams", () => received.length === 100);
  expect(received).toEqual(texts);
  expect(from.dropped).toBe(0);
});

test("datagrams of 0 and of 65,507 bytes arrive", async () => {
  const received: string[] = [];
  const to = socketAt(0, received);
  const from = socketAt(0, []);
  from.send(new Uint8Array(0), to.port, "127.0.0.1");
  from.send(bytes("x".repeat(65_507)), to.port, "127.0.0.1");
  await eventually("both", () => received.length === 2);
  expect(received.map(({ length }) => length)).toEqual([0, 65_507]);
});

test("a peer that cannot be, and a datagram that is too large, are counted and keep no other back", async () => {
  const received: string[] = [];
  const to = socketAt(0, received);
  const from = socketAt(0, []);
  from.send(bytes("first"), to.port, "127.0.0.1");
  from.send(bytes("to port 0"), 0, "127.0.0.1");
  from.send(bytes("x".repeat(65_508)), to.port, "127.0.0.1");
  from.send(bytes("last"), to.port, "127.0.0.1");
  await eventually("the others", () => received.includes("last"));
  expect(received).toEqual(["first", "last"]);
  expect(from.dropped).toBe(2);
});

test("a peer that refuses (ICMP) costs no datagram to another", async () => {
  const gone = socketAt(0, []);
  const gonePort = gone.port;
  gone.close();
  const received: string[] = [];
  const to = socketAt(0, received);
  const from = socketAt(0, []);
  for (let index = 0; index < 20; index++) {
    from.send(bytes("into nothing"), gonePort, "127.0.0.1");
    from.send(bytes(`${index}`), to.port, "127.0.0.1");
    await eventually(`datagram ${index}`, () => received.includes(`${index}`));
  }
  expect(from.dropped).toBe(0);
});

test("a port that is not shared is taken, and IPv6 has the same port beside IPv4", () => {
  const first = socketAt(0, [], { host: "0.0.0.0" });
  expect(() => socketAt(first.port, [], { host: "0.0.0.0" })).toThrow("the port is taken");
  expect(socketAt(first.port, [], { host: "::" }).port).toBe(first.port);
});

test.skipIf(process.platform !== "linux")("a shared port goes over from the first socket to the second, and nothing is lost", async () => {
  const [old, fresh]: [string[], string[]] = [[], []];
  const first = socketAt(0, old, { isShared: true });
  // Before there is a second, nothing changes.
  expect(first.giveToSecond()).toBe(true);
  const senders = Array.from({ length: 20 }, () => socketAt(0, []));
  const sendAll = (text: string): void => {
    for (const sender of senders) sender.send(bytes(text), first.port, "127.0.0.1");
    for (const sender of senders) sender.flush();
  };
  sendAll("alone");
  await eventually("the first has them", () => old.length === 20);
  const second = socketAt(first.port, fresh, { isShared: true });
  sendAll("both");
  await eventually("the second has them all", () => fresh.length === 20);
  expect(old.length).toBe(20);
  first.close();
  sendAll("after");
  await eventually("it has the rest", () => fresh.length === 40);
  // The next one: the second is the first by now.
  const third: string[] = [];
  socketAt(second.port, third, { isShared: true });
  sendAll("third");
  await eventually("the third has them all", () => third.length === 20);
});
