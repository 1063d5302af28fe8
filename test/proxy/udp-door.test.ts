/** UDP doors over real sockets, with flows in memory: sessions, their end, and what is counted. */

import { expect, test } from "bun:test";
import { type Clock, systemClock } from "#base/clock.ts";
import type { Datagrams } from "#base/datagrams.ts";
import { KtError } from "#base/errors.ts";
import { sharedLimits } from "#base/limits.ts";
import { silentLog } from "#base/log.ts";
import { connectUdp } from "#net/udp.ts";
import { CounterTable } from "#observe/counters.ts";
import type { KtEvent } from "#observe/events.ts";
import { proxyLimits } from "#proxy/limits.ts";
import { UdpDoor } from "#proxy/udp/udp-door.ts";
import { refuseDatagram } from "#proxy/udp/udp-refusal.ts";
import { DatagramRecorder } from "#test/support/datagram-recorder.ts";
import { query, readAnswer } from "#test/support/dns-client.ts";
import { ManualClock, settle } from "#test/support/manual-clock.ts";
import { MemoryDatagrams } from "#test/support/memory-datagrams.ts";
import { serviceTarget } from "#test/support/service-target.ts";
import { usualRetry } from "#test/support/retry.ts";

const host = "127.0.0.1";
const name = "5353/udp";

/** Answers with what it was sent, behind its own name. */
function echoing(prefix: string): Datagrams {
  const [near, far] = MemoryDatagrams.pair();
  far.start({
    onDatagram: (payload) => void far.send(new Uint8Array([...new TextEncoder().encode(prefix), ...payload])),
    onUnreachable() {},
    onClose() {},
  });
  return near;
}

type Dial = (target: string, signal: AbortSignal) => Promise<Datagrams>;

/** A door to the service "dns", and its clients. */
function openDoor(dial: Dial, clock: Clock = systemClock) {
  const counters = new CounterTable();
  const events: KtEvent[] = [];
  const dials: string[] = [];
  const openFlow = (target: { readonly kind: string; readonly name?: string }, signal: AbortSignal): Promise<Datagrams> => {
    dials.push(target.name ?? "");
    return dial(target.name ?? "", signal);
  };
  const dialer = { dial: () => Promise.reject(new Error("TCP")), openFlow };
  const door = new UdpDoor({ dialer, counters, retryOf: usualRetry, clock, log: silentLog, report: (event) => events.push(event) });
  const target = (service: string) => ({ ...serviceTarget(service, 53), transport: "udp" as const });
  const open = door.listen({ host, port: 0 }, { profile: "p", route: name, target: target("dns") });
  const clients: Datagrams[] = [];
  return {
    counters: counters.of("p", name),
    events,
    dials,
    door,
    leadTo: (service: string) => open.leadTo({ profile: "p", route: name, target: target(service) }),
    async client(): Promise<DatagramRecorder> {
      const client = await connectUdp({ host, port: open.port });
      clients.push(client);
      return new DatagramRecorder(client);
    },
    async [Symbol.asyncDispose]() {
      for (const client of clients) client.close();
      await door.drain();
    },
  };
}

/** Asks and waits for the answer: what was sent before has been read by then. */
async function ask(client: DatagramRecorder, text: string): Promise<string | undefined> {
  const before = client.received.length;
  client.send(text);
  await client.untilReceived(before + 1);
  return client.texts().at(-1);
}

test("each client has a flow of its own, and its own answers", async () => {
  let flows = 0;
  await using opened = openDoor(async () => echoing(`${++flows}:`));
  const [one, two] = [await opened.client(), await opened.client()];
  expect([await ask(one, "a"), await ask(two, "a"), await ask(one, "b")]).toEqual(["1:a", "2:a", "1:b"]);
  expect(opened.dials).toEqual(["dns", "dns"]);
  expect(opened.counters).toMatchObject({ openConnections: 2, totalConnections: 2, sentBytes: 3, receivedBytes: 9, droppedDatagrams: 0 });
});

test("the largest datagrams pass both ways", async () => {
  await using opened = openDoor(async () => echoing(""));
  const client = await opened.client();
  const largest = new Uint8Array(sharedLimits.datagramBytes).fill(7);
  client.datagrams.send(largest);
  await client.untilReceived(1);
  expect(client.received[0]?.length).toBe(largest.length);
});

test("what a client sends while its flow is being opened is sent in order, and others do not wait for it", async () => {
  const slow = Promise.withResolvers<Datagrams>();
  const dial = (): Promise<Datagrams> => (opened.dials.length === 1 ? slow.promise : Promise.resolve(echoing("")));
  await using opened = openDoor(dial);
  const [first, second] = [await opened.client(), await opened.client()];
  for (const text of ["a", "b", "c"]) first.send(text);
  expect(await ask(second, "x")).toBe("x");
  expect(first.received).toHaveLength(0);
  slow.resolve(echoing(""));
  await first.untilReceived(3);
  expect(first.texts()).toEqual(["a", "b", "c"]);
});

test("a client that sends too much meanwhile loses the rest, which is counted", async () => {
  const slow = Promise.withResolvers<Datagrams>();
  await using opened = openDoor(() => (opened.dials.length === 1 ? slow.promise : Promise.resolve(echoing(""))));
  const [first, second] = [await opened.client(), await opened.client()];
  const more = 10;
  for (let index = 0; index < sharedLimits.waitingDatagrams + more; index++) first.send(String(index));
  await ask(second, "x");
  expect(opened.counters.droppedDatagrams).toBe(more);
  slow.resolve(echoing(""));
  await first.untilReceived(sharedLimits.waitingDatagrams);
  expect(first.texts().at(-1)).toBe(String(sharedLimits.waitingDatagrams - 1));
});

test("a session that is silent both ways for its timeout ends, and the next datagram begins another", async () => {
  const clock = new ManualClock();
  const flows: Datagrams[] = [];
  await using opened = openDoor(async () => {
    const flow = echoing(`${flows.length + 1}:`);
    flows.push(flow);
    return flow;
  }, clock);
  const [idle, busy] = [await opened.client(), await opened.client()];
  await ask(idle, "a");
  await ask(busy, "a");
  await clock.advance(proxyLimits.udpSessionMs - 1);
  await ask(busy, "b");
  await clock.advance(1);
  expect(opened.counters.openConnections).toBe(1);
  expect(flows[0]?.send(new Uint8Array())).toBe(false);
  expect(await ask(idle, "c")).toBe("3:c");
  expect(await ask(busy, "c")).toBe("2:c");
  await clock.advance(proxyLimits.udpSessionMs);
  expect(opened.counters.openConnections).toBe(0);
  const closed = opened.events.filter((event) => event.type === "connection-closed");
  expect(closed).toHaveLength(3);
  expect(closed[0]).toMatchObject({ route: name, sentBytes: 1, receivedBytes: 3 });
});

test("a flow that is lost takes its session along, and the next datagram begins another", async () => {
  const flows: MemoryDatagrams[] = [];
  await using opened = openDoor(async () => {
    const flow = echoing(`${flows.length + 1}:`) as MemoryDatagrams;
    flows.push(flow);
    return flow;
  });
  const client = await opened.client();
  await ask(client, "a");
  flows[0]?.fail(new KtError("connection-lost", 'pod "dns-0" is gone'));
  expect(await ask(client, "b")).toBe("2:b");
  expect(opened.counters.lastProblem).toBeUndefined();
  flows[1]?.fail(new KtError("target-refused", "connection refused"));
  expect(await ask(client, "c")).toBe("3:c");
  expect(opened.counters.lastProblem).toMatchObject({ code: "target-refused" });
});

test("that the target's port is closed shows in the counters, and the session goes on", async () => {
  const [near, far] = MemoryDatagrams.pair();
  await using opened = openDoor(async () => near);
  const client = await opened.client();
  const server = new DatagramRecorder(far);
  client.send("a");
  await server.untilReceived(1);
  near.unreachable(new KtError("target-refused", "send to 10.0.0.7:53/udp: connection refused"));
  expect(opened.counters.lastProblem).toMatchObject({ code: "target-refused" });
  server.send("late");
  await client.untilReceived(1);
  expect(client.texts()).toEqual(["late"]);
  expect(opened.dials).toEqual(["dns"]);
});

test("a client that cannot be served is reported once, and dialled for again only after a while", async () => {
  const clock = new ManualClock();
  const refusal = new KtError("relay-missing", "UDP needs a relay");
  await using opened = openDoor(() => (opened.dials.length === 1 ? Promise.reject(refusal) : Promise.resolve(echoing(""))), clock);
  const [refused, other] = [await opened.client(), await opened.client()];
  for (let index = 0; index < 20; index++) refused.send("a");
  await ask(other, "x");
  expect(opened.dials).toHaveLength(2);
  expect(opened.events.filter((event) => event.type === "refused")).toMatchObject([{ name, problem: { code: "relay-missing" } }]);
  expect(opened.counters).toMatchObject({ lastProblem: { code: "relay-missing" }, droppedDatagrams: 20 });
  await clock.advance(proxyLimits.udpRefusedMs);
  expect(await ask(refused, "b")).toBe("b");
});

const decode = (bytes: Uint8Array | undefined): string => Buffer.from(bytes ?? []).toString("latin1");

test("a client of DNS reads at once why it gets no answer: SERVFAIL, and by EDNS the reason", async () => {
  const refusal = new KtError("relay-missing", "UDP needs a relay");
  await using opened = openDoor(() => Promise.reject(refusal));
  const client = await opened.client();
  for (const message of [query("web.shop", "A"), query("web.shop", "A", 1232)]) {
    client.datagrams.send(message);
    await client.untilReceived(client.received.length + 1);
  }
  const [plain, extended] = client.received;
  expect(readAnswer(plain as Uint8Array)).toMatchObject({ id: 0x1234, code: 2, answers: [] });
  expect(readAnswer(extended as Uint8Array)).toMatchObject({ code: 2 });
  expect(decode(plain)).not.toContain("relay");
  expect(decode(extended)).toEndWith("\x00\x0f\x00\x17\x00\x17kt: UDP needs a relay");
});

test("so does one whose question the target's host refuses, and one whose flow fails", async () => {
  const flows: MemoryDatagrams[] = [];
  await using opened = openDoor(async () => {
    const [near] = MemoryDatagrams.pair();
    flows.push(near);
    return near;
  });
  const client = await opened.client();
  const failures = [
    (flow: MemoryDatagrams | undefined) => flow?.unreachable(new KtError("target-refused", "connection refused")),
    (flow: MemoryDatagrams | undefined) => flow?.fail(new KtError("target-refused", "connection refused")),
  ];
  for (const fail of failures) {
    client.datagrams.send(query("web.shop"));
    const sent = opened.counters.sentBytes;
    while (opened.counters.sentBytes === sent) await settle();
    fail(flows[0]);
    await client.untilReceived(client.received.length + 1);
    expect(readAnswer(client.received.at(-1) as Uint8Array)).toMatchObject({ id: 0x1234, code: 2 });
  }
});

test.each([
  ["bytes that are not DNS", new TextEncoder().encode("hello")],
  ["a reply", Uint8Array.from([0, 1, 0x80, 0, ...query("web.shop").subarray(4)])],
  ["a query with more behind it", Uint8Array.from([...query("web.shop"), 1])],
  ["another class", Uint8Array.from([...query("web.shop").subarray(0, -1), 3])],
])("%s get no answer that another protocol might misunderstand", (_, payload) => {
  expect(refuseDatagram(payload, new KtError("relay-missing", "UDP needs a relay"))).toBeUndefined();
});

test("the words of a refusal are cut, in whole characters, so that it fits 512 bytes with the longest question", () => {
  const name = Array.from({ length: 4 }, (_, at) => String.fromCharCode(97 + at).repeat(at === 3 ? 61 : 63)).join(".");
  const refusal = refuseDatagram(query(name, "A", 512), new KtError("relay-missing", "é".repeat(500))) as Uint8Array;
  expect(refusal.length).toBeLessThanOrEqual(512);
  expect(new TextDecoder("utf-8", { fatal: true }).decode(refusal.subarray(refusal.length - 180))).toEndWith("é");
});

test("with as many clients as there may be, the one that was silent for longest makes room", async () => {
  await using opened = openDoor(async () => echoing(""));
  const oldest = await opened.client();
  await ask(oldest, "a");
  const latest = await opened.client();
  await ask(latest, "a");
  await ask(oldest, "b");
  // The kernel holds some 200 datagrams for a port, so they come one after the other.
  for (let index = 1; index < proxyLimits.udpSessions; index++) await ask(await opened.client(), "x");
  expect(opened.counters.openConnections).toBe(proxyLimits.udpSessions);
  const dials = opened.dials.length;
  await ask(oldest, "c");
  expect(opened.dials).toHaveLength(dials);
  await ask(latest, "d");
  expect(opened.dials).toHaveLength(dials + 1);
});

test("a port that leads elsewhere from now on takes its clients along", async () => {
  await using opened = openDoor(async (service) => echoing(`${service}:`));
  const client = await opened.client();
  expect(await ask(client, "a")).toBe("dns:a");
  opened.leadTo("other");
  expect(await ask(client, "b")).toBe("other:b");
  expect(opened.counters.openConnections).toBe(1);
});

test("draining ends every session at once, and those that are being opened", async () => {
  const gaveUp = Promise.withResolvers<unknown>();
  await using opened = openDoor((_, signal) => {
    if (opened.dials.length === 1) return Promise.resolve(echoing(""));
    signal.addEventListener("abort", () => gaveUp.resolve(signal.reason));
    return Promise.withResolvers<Datagrams>().promise;
  });
  const [open, opening] = [await opened.client(), await opened.client()];
  await ask(open, "a");
  opening.send("a");
  await ask(open, "b");
  await opened.door.drain();
  expect(await gaveUp.promise).toMatchObject({ code: "shutting-down" });
  expect(opened.counters.openConnections).toBe(0);
});
