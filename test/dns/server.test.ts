/** The DNS server on real sockets: its own names, others through name servers that answer, fail, lie or are silent, and floods. */

import { expect, test } from "bun:test";
import { connectTcp, listenTcp } from "#net/tcp.ts";
import { connectUdp, listenUdp } from "#net/udp.ts";
import type { NameServer } from "#dns/upstream/exchange.ts";
import { dnsLimits } from "#dns/limits.ts";
import { DnsNames } from "#dns/names.ts";
import { DnsServer } from "#dns/server.ts";
import { dnsCodes, withDnsId } from "#wire/dns-message.ts";
import { systemClock } from "#base/clock.ts";
import { askTcp, askUdp, query } from "#test/support/dns-client.ts";
import { fastClock } from "#test/support/fast-clock.ts";
import { ManualClock, settle } from "#test/support/manual-clock.ts";
import { reply, type Say, StubNameServer } from "#test/support/name-server.ts";
import { Recorder } from "#test/support/recorder.ts";
import { eventually } from "#test/support/wait.ts";

const pods = Array.from({ length: 120 }, (_, index) => `127.1.28.${index + 1}`);
const names = new DnsNames(
  [
    { names: ["api.shop"], fullName: "api.shop", address: "127.1.27.1", addresses: ["127.1.27.1"], ports: [] },
    { names: ["db.shop"], fullName: "db.shop", address: "127.1.27.2", addresses: pods, ports: [] },
  ],
  ["cluster.local"],
);

function start(servers: readonly NameServer[], clock = systemClock) {
  const server = new DnsServer({ names: () => ({ names, served: () => [] }), servers: () => servers, clock });
  const { port } = server.listen({ host: "127.0.0.1", port: 0 });
  return { server, port, [Symbol.asyncDispose]: () => server.drain() };
}

const says =
  (address: string): Say =>
  (asked) =>
    reply(asked, { addresses: [address] });
const fails =
  (code: number): Say =>
  (asked) =>
    reply(asked, { code });

/** A port at which nothing listens. */
function deadServer(): NameServer {
  using stub = new StubNameServer(() => undefined);
  return { host: stub.host, port: stub.port };
}

test("an own name is answered by UDP and TCP on the same port", async () => {
  await using dns = start([]);
  expect((await askUdp(dns.port, query("api.shop"))).answers).toEqual(["api.shop 5 A 127.1.27.1"]);
  expect((await askTcp(dns.port, query("api.shop")))[0]?.answers).toEqual(["api.shop 5 A 127.1.27.1"]);
});

test("what has no room in a datagram says so, and comes whole by TCP", async () => {
  await using dns = start([]);
  const [plain, large] = [await askUdp(dns.port, query("db.shop")), await askUdp(dns.port, query("db.shop", "A", 4096))];
  expect([plain.isTruncated, plain.bytes.length <= 512, large.isTruncated, large.answers.length]).toEqual([true, true, true, 74]);
  const [whole] = await askTcp(dns.port, query("db.shop"));
  expect([whole?.isTruncated, whole?.answers.length]).toEqual([false, 120]);
});

test("other names are the name server's to answer, by the way that the client came, byte for byte", async () => {
  using upstream = new StubNameServer((asked, transport) =>
    reply(asked, { addresses: pods, limitBytes: transport === "udp" ? 512 : 65_535 }),
  );
  await using dns = start([upstream]);
  const direct = await askUdp(upstream.port, query("Example.org"));
  expect(await askUdp(dns.port, query("Example.org"))).toEqual(direct);
  expect(direct.isTruncated).toBe(true);
  expect(await askTcp(dns.port, query("Example.org"))).toEqual(await askTcp(upstream.port, query("Example.org")));
  expect(upstream.asked).toEqual(["udp", "udp", "tcp", "tcp"].map((transport) => `${transport} example.org`));
});

test("a server that refuses the connection is passed over at once, and one that fails is not believed while another answers", async () => {
  using failing = new StubNameServer(fails(dnsCodes.serverFailure));
  using good = new StubNameServer(says("192.0.2.1"));
  await using dns = start([deadServer(), failing, good]);
  for (const answer of [await askUdp(dns.port, query("example.org")), ...(await askTcp(dns.port, query("example.org")))])
    expect(answer.answers).toEqual(["example.org 60 A 192.0.2.1"]);
});

test("where all fail the first one's failure is passed on", async () => {
  using first = new StubNameServer(fails(dnsCodes.refused));
  using second = new StubNameServer(fails(dnsCodes.serverFailure));
  await using dns = start([first, second]);
  expect((await askUdp(dns.port, query("example.org"))).code).toBe(dnsCodes.refused);
  expect([first.asked.length, second.asked.length]).toEqual([1, 1]);
});

test("that a name is not there is an answer, for which no other server is asked", async () => {
  using first = new StubNameServer(fails(dnsCodes.noSuchName));
  using second = new StubNameServer(says("192.0.2.1"));
  await using dns = start([first, second]);
  expect([(await askUdp(dns.port, query("example.org"))).code, second.asked]).toEqual([dnsCodes.noSuchName, []]);
});

test("without any answer: a failure within the time that programs wait, and the first server that does is asked first from then on", async () => {
  using silent = new StubNameServer(() => undefined);
  using other = new StubNameServer(() => undefined);
  const clock = new ManualClock();
  await using dns = start([silent, other], clock);
  const asked = askUdp(dns.port, query("example.org"));
  await silent.untilAsked(1);
  for (const server of [other, silent, other]) {
    const before = server.asked.length;
    await clock.advance(dnsLimits.nextServerMs);
    await server.untilAsked(before + 1);
  }
  await clock.advance(dnsLimits.forwardMs - 3 * dnsLimits.nextServerMs);
  expect((await asked).code).toBe(dnsCodes.serverFailure);

  other.say = says("192.0.2.2");
  const second = askUdp(dns.port, query("example.org"));
  await silent.untilAsked(3);
  await clock.advance(dnsLimits.nextServerMs);
  expect((await second).answers).toEqual(["example.org 60 A 192.0.2.2"]);
  expect((await askUdp(dns.port, query("example.org"))).answers).toEqual(["example.org 60 A 192.0.2.2"]);
  expect(silent.asked.length).toBe(3);
  await clock.advance(dnsLimits.silentServerMs);
  silent.say = says("192.0.2.1");
  expect((await askUdp(dns.port, query("example.org"))).answers).toEqual(["example.org 60 A 192.0.2.1"]);
});

test("the first good answer counts, also of a server that was given up waiting for", async () => {
  using late = new StubNameServer(() => undefined);
  using silent = new StubNameServer(() => undefined);
  const clock = new ManualClock();
  await using dns = start([late, silent], clock);
  const asked = askUdp(dns.port, query("example.org"));
  await late.untilAsked(1);
  late.say = says("192.0.2.9");
  await clock.advance(dnsLimits.nextServerMs);
  await clock.advance(dnsLimits.nextServerMs);
  expect((await asked).answers).toEqual(["example.org 60 A 192.0.2.9"]);
});

test("a reply under another id or to another question is not taken for the answer", async () => {
  using upstream = new StubNameServer((asked) => {
    const [true_, forged] = [reply(asked, { addresses: ["192.0.2.1"] }), reply(asked, { addresses: ["203.0.113.66"] })];
    const otherQuestion = Uint8Array.from(forged);
    otherQuestion[13] = "X".charCodeAt(0);
    return [withDnsId(forged, (asked.id + 1) & 0xffff), otherQuestion, new Uint8Array([1, 2, 3]), true_];
  });
  await using dns = start([upstream]);
  for (let turn = 0; turn < 20; turn++)
    expect((await askUdp(dns.port, query("example.org"))).answers).toEqual(["example.org 60 A 192.0.2.1"]);
  expect((await askTcp(dns.port, query("example.org")))[0]?.answers).toEqual(["example.org 60 A 192.0.2.1"]);
});

test("a server that is kt itself is not asked, and where there is no other the question is refused", async () => {
  const servers: NameServer[] = [];
  await using dns = start(servers);
  servers.push({ host: "127.0.0.1", port: dns.port });
  const refusal = await askUdp(dns.port, query("example.org", "A", 1232));
  expect([refusal.code, Buffer.from(refusal.bytes).includes("the name servers of this machine ask kt")]).toEqual([dnsCodes.refused, true]);
  using upstream = new StubNameServer(says("192.0.2.1"));
  servers.push(upstream);
  expect((await askUdp(dns.port, query("example.org"))).answers).toEqual(["example.org 60 A 192.0.2.1"]);
});

/** As systemd-resolved with kt's address: it passes every question on to kt, and waits for what comes back. */
function askingKt(ktPort: () => number) {
  const server = listenUdp({
    host: "127.0.0.1",
    port: 0,
    async onDatagram(payload, from) {
      const { bytes } = await askUdp(ktPort(), payload);
      server.send(bytes, from);
    },
  });
  return { host: "127.0.0.1", port: server.port, [Symbol.dispose]: () => server.close() };
}

test("a name server that asks kt is found out at the first question, which is refused, or goes to the next server", async () => {
  const servers: NameServer[] = [];
  await using dns = start(servers, new ManualClock());
  using loop = askingKt(() => dns.port);
  servers.push(loop);
  for (let turn = 0; turn < 3; turn++) expect((await askUdp(dns.port, query("example.org"))).code).toBe(dnsCodes.refused);
  expect((await askTcp(dns.port, query("example.org")))[0]?.code).toBe(dnsCodes.refused);
  using other = new StubNameServer(says("192.0.2.1"));
  servers.push(other);
  expect((await askUdp(dns.port, query("example.org"))).answers).toEqual(["example.org 60 A 192.0.2.1"]);
});

test("a name server that begins to ask kt later is found out as soon as it is silent, and is asked again when it has stopped", async () => {
  const servers: NameServer[] = [];
  const clock = new ManualClock();
  await using dns = start(servers, clock);
  using upstream = new StubNameServer(says("192.0.2.1"));
  let isLooping = false;
  const relay = listenUdp({
    host: "127.0.0.1",
    port: 0,
    async onDatagram(payload, from) {
      const { bytes } = await askUdp(isLooping ? dns.port : upstream.port, payload);
      relay.send(bytes, from);
    },
  });
  servers.push({ host: "127.0.0.1", port: relay.port });
  const ask = async () => await askUdp(dns.port, query("example.org"));
  expect((await ask()).answers).toHaveLength(1);
  await clock.advance(dnsLimits.silentLoopCheckMs);
  isLooping = true;
  const stuck = ask();
  await settle();
  await clock.advance(dnsLimits.nextServerMs);
  expect((await stuck).code).toBe(dnsCodes.refused);
  isLooping = false;
  expect((await ask()).code).toBe(dnsCodes.refused);
  await clock.advance(dnsLimits.loopCheckMs);
  const before = upstream.probes;
  await ask();
  await eventually("the answer that shows it", () => upstream.probes > before);
  await settle();
  expect((await ask()).answers).toHaveLength(1);
  relay.close();
});

test("a name server is tried once a minute for that", async () => {
  using upstream = new StubNameServer(says("192.0.2.1"));
  const clock = new ManualClock();
  await using dns = start([upstream], clock);
  for (let turn = 0; turn < 3; turn++) await askUdp(dns.port, query("example.org"));
  expect(upstream.probes).toBe(1);
  await clock.advance(dnsLimits.loopCheckMs);
  await askUdp(dns.port, query("example.org"));
  await eventually("the second one", () => upstream.probes === 2);
});

test("of a flood without answers only so many are waited for, the rest fails at once, and own names go on", async () => {
  using silent = new StubNameServer(() => undefined);
  await using dns = start([silent], fastClock(8));
  const socket = await connectUdp({ host: "127.0.0.1", port: dns.port });
  const [failed, all] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  let failures = 0;
  socket.start({
    onDatagram() {
      failures += 1;
      if (failures === 50) failed.resolve();
      if (failures === dnsLimits.forwardedAtOnce + 50) all.resolve();
    },
    onUnreachable() {},
    onClose() {},
  });
  for (let sent = 0; sent < dnsLimits.forwardedAtOnce + 50; sent++) socket.send(query(`host-${sent}.example.org`));
  await failed.promise;
  expect((await askUdp(dns.port, query("api.shop"))).answers).toHaveLength(1);
  expect(new Set(silent.asked).size).toBeLessThanOrEqual(dnsLimits.forwardedAtOnce);
  await all.promise;
  silent.say = says("192.0.2.1");
  expect((await askUdp(dns.port, query("example.org"))).answers).toHaveLength(1);
  socket.close();
});

test("questions on one connection are answered as soon as each can be", async () => {
  using upstream = new StubNameServer(() => undefined);
  const clock = new ManualClock();
  await using dns = start([upstream], clock);
  const asked = askTcp(dns.port, query("example.org"), query("api.shop"), query("gone.cluster.local"));
  await upstream.untilAsked(1);
  await clock.advance(dnsLimits.forwardMs);
  expect((await asked).map(({ code }) => code)).toEqual([0, dnsCodes.noSuchName, dnsCodes.serverFailure]);
});

test("more questions than may wait on one connection are all answered", async () => {
  using upstream = new StubNameServer(says("192.0.2.1"));
  await using dns = start([upstream]);
  const many = Array.from({ length: 300 }, (_, index) => query(`host-${index}.example.org`));
  expect((await askTcp(dns.port, ...many)).map(({ code }) => code)).toEqual(many.map(() => 0));
});

test("a connection ends after its answer when the client has ended, by itself when it is idle, and at once for what is not a question", async () => {
  const clock = new ManualClock();
  await using dns = start([], clock);
  const open = async () => new Recorder(await connectTcp({ host: "127.0.0.1", port: dns.port, signal: new AbortController().signal }));
  const [ended, idle, tooLong] = [await open(), await open(), await open()];
  const message = query("api.shop");
  ended.conn.write(Uint8Array.from([0, message.length, ...message]));
  ended.conn.end();
  await ended.untilClosed();
  expect(ended.length).toBeGreaterThan(message.length);
  tooLong.conn.write(new Uint8Array([255, 255]));
  await tooLong.untilClosed();
  await clock.advance(dnsLimits.idleConnectionMs);
  await idle.untilClosed();
});

test("idle connections make room for new ones", async () => {
  await using dns = start([]);
  const signal = new AbortController().signal;
  const conns = [];
  for (let count = 0; count < dnsLimits.connections + 5; count++)
    conns.push(new Recorder(await connectTcp({ host: "127.0.0.1", port: dns.port, signal })));
  expect((await askTcp(dns.port, query("api.shop")))[0]?.answers).toHaveLength(1);
  await Promise.all(conns.slice(0, 6).map((conn) => conn.untilClosed()));
  for (const { conn } of conns) conn.abort();
});

test("what is not a query gets no answer, and what cannot be read a failure", async () => {
  await using dns = start([]);
  const socket = await connectUdp({ host: "127.0.0.1", port: dns.port });
  const { promise, resolve } = Promise.withResolvers<Uint8Array>();
  socket.start({ onDatagram: resolve, onUnreachable() {}, onClose() {} });
  socket.send(new Uint8Array(5));
  socket.send(Uint8Array.from(query("api.shop"), (byte, index) => (index === 2 ? 0x81 : byte)));
  socket.send(query("api.shop").subarray(0, 20));
  expect(Buffer.from(await promise).toString("hex")).toBe("123480010000000000000000");
  socket.close();
});

test("a port that another program has is reported, by UDP as by TCP, and nothing is left open", async () => {
  await using dns = start([]);
  expect(() => dns.server.listen({ host: "127.0.0.1", port: dns.port })).toThrow(/the port is taken/);
  // A port that the system gives out for UDP alone may be another test's for TCP.
  const tcp = listenTcp({ host: "127.0.0.1", port: 0, accept() {} });
  const udp = listenUdp({ host: "127.0.0.1", port: tcp.port, onDatagram() {} });
  tcp.close();
  expect(() => dns.server.listen({ host: "127.0.0.1", port: udp.port })).toThrow(/udp: the port is taken/);
  listenTcp({ host: "127.0.0.1", port: udp.port, accept() {} }).close();
  udp.close();
});
