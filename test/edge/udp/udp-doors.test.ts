/** The public UDP ports of an edge: sessions, their uplinks, their ends, and what changes of the plan leave alone. */

import { afterEach, describe, expect, test } from "bun:test";
import { networkAddresses } from "#native/network-addresses.ts";
import { DatagramSocket } from "#net/datagram-socket.ts";
import { maxPayloadBytes } from "#wire/uplink-frame.ts";
import { eventually, within } from "#test/support/wait.ts";
import { binding, Rig, type RigOptions, target } from "./rig.ts";

function hasIpv6(): boolean {
  try {
    new DatagramSocket({ host: "::1", port: 0, bufferBytes: 0, isShared: false, onDatagram() {} }).close();
    return true;
  } catch {
    return false;
  }
}

const rigs: Rig[] = [];

function rig(options?: RigOptions): Rig {
  const made = new Rig(options);
  rigs.push(made);
  return made;
}

afterEach(() => {
  for (const each of rigs.splice(0)) each.close();
});

// Only Linux has all of 127.0.0.0/8.
describe.skipIf(process.platform !== "linux")("a session", () => {
  test("carries datagrams both ways, and answers come from the port that was asked", async () => {
    const edge = rig();
    const { doors, port, uplink } = edge;
    const client = edge.client();
    expect(await client.ask("hello", port)).toBe("hello");
    expect(client.from).toBe(`127.0.0.1 ${port}`);
    expect(uplink.arrived[0]?.to).toMatchObject({ target, timeoutMs: 60_000 });
    expect(doors.open).toEqual({ sessions: 1, unanswered: 0 });
    expect(doors.counters).toMatchObject({ receivedDatagrams: 1, receivedBytes: 5, sentDatagrams: 1, sentBytes: 5 });
  });

  test("is one for each client's address and port", async () => {
    const edge = rig();
    const clients = [edge.client(), edge.client(), edge.client("127.0.0.9")];
    for (const [index, client] of clients.entries()) expect(await client.ask(`${index}`, edge.port)).toBe(`${index}`);
    await clients[0]?.ask("again", edge.port);
    expect(new Set(edge.uplink.arrived.map(({ to }) => to.session)).size).toBe(3);
    expect(edge.uplink.arrived.length).toBe(4);
    const ids = edge.uplink.arrived.map(({ to }) => to.session);
    expect(ids.every((id) => Number.isSafeInteger(id) && id < 2 ** 48)).toBe(true);
  });

  test("carries datagrams of 0 and of 65,507 bytes, the latter in two parts each way", async () => {
    const edge = rig();
    const client = edge.client();
    expect(await client.ask("", edge.port)).toBe("");
    const long = "0123456789".repeat(7000).slice(0, maxPayloadBytes);
    expect(await client.ask(long, edge.port)).toBe(long);
    expect(edge.uplink.arrived.map(({ part }) => part)).toEqual([0, 1, 2]);
  });

  test("ends exactly when it has been idle for its time, and its uplink learns of it", async () => {
    const edge = rig({ bindings: [binding({ sessionTimeoutMs: 500 })] });
    const client = edge.client();
    await client.ask("one", edge.port);
    await edge.clock.advance(300);
    await client.ask("two", edge.port);
    await edge.clock.advance(499);
    expect(edge.doors.open.sessions).toBe(1);
    await edge.clock.advance(1);
    expect(edge.doors.open.sessions).toBe(0);
    await eventually("the end", () => edge.uplink.ended.length === 1);
    expect(edge.doors.counters.expired).toBe(1);
    await client.ask("three", edge.port);
    expect(new Set(edge.uplink.arrived.map(({ to }) => to.session)).size).toBe(2);
  });

  test("is kept open by what comes from the target alone", async () => {
    const edge = rig({ bindings: [binding({ sessionTimeoutMs: 1000 })] });
    const client = edge.client();
    await client.ask("one", edge.port);
    for (let index = 0; index < 5; index++) {
      await edge.clock.advance(900);
      edge.uplink.sendTo(edge.uplink.arrived[0]?.to as never, Buffer.from(`push ${index}`));
      await eventually("the push", () => client.received.includes(`push ${index}`));
    }
    expect(edge.doors.open.sessions).toBe(1);
  });

  test("that its uplink ended begins anew with the next datagram", async () => {
    const edge = rig();
    const client = edge.client();
    await client.ask("one", edge.port);
    edge.uplink.event("end", edge.uplink.arrived[0]?.to.session ?? 0);
    await eventually("its end", () => edge.doors.open.sessions === 0);
    await client.ask("two", edge.port);
    expect(edge.doors.counters).toMatchObject({ opened: 2, ended: 1 });
  });

  test("is one timer in all, however many there are", async () => {
    const edge = rig();
    const before = edge.clock.timers;
    const clients = Array.from({ length: 50 }, () => edge.client());
    await Promise.all(clients.map((client) => client.ask("x", edge.port)));
    expect(edge.clock.timers).toBe(before + 1);
  });
});

describe.skipIf(process.platform !== "linux")("the uplink of a session", () => {
  test("stays the same while it is healthy, and sessions are spread", async () => {
    const edge = rig({ uplinks: 2 });
    const clients = [edge.client(), edge.client(), edge.client(), edge.client()];
    for (let round = 0; round < 3; round++) for (const client of clients) await client.ask(`${round}`, edge.port);
    const [first, second] = edge.uplinks.all;
    expect([first?.arrived.length, second?.arrived.length]).toEqual([6, 6]);
    expect(new Set(first?.arrived.map(({ to }) => to.session)).size).toBe(2);
  });

  test("is another one when it goes, with the next datagram, and the session stays the same", async () => {
    const edge = rig({ uplinks: 2 });
    const client = edge.client();
    await client.ask("one", edge.port);
    const gone = edge.uplinks.all.find(({ arrived }) => arrived.length > 0);
    const other = edge.uplinks.all.find((uplink) => uplink !== gone);
    if (gone) gone.isHealthy = false;
    edge.uplinks.changed();
    await client.ask("two", edge.port);
    expect(other?.arrived[0]?.to.session).toBe(gone?.arrived[0]?.to.session ?? -1);
    expect(edge.doors.counters.moved).toBe(1);
    // What the former one says now is about nothing.
    gone?.sendTo(gone.arrived[0]?.to as never, Buffer.from("late"));
    await eventually("a stray datagram", () => edge.doors.counters.strayDatagrams === 1);
    expect(client.received).not.toContain("late");
  });

  test("is found again without a restart after all were down", async () => {
    const edge = rig();
    const client = edge.client();
    await client.ask("one", edge.port);
    edge.uplink.isHealthy = false;
    edge.uplinks.changed();
    client.send("lost", edge.port);
    await eventually("a refusal", () => edge.doors.counters.refused.noUplink === 1);
    edge.uplink.isHealthy = true;
    edge.uplinks.changed();
    expect(await client.ask("back", edge.port)).toBe("back");
  });

  test("is what alone may answer: no other address, port or session, and no garbage", async () => {
    const edge = rig({ uplinks: 2 });
    const client = edge.client();
    await client.ask("one", edge.port);
    const [mine, other] = [...edge.uplinks.all].sort((a, b) => b.arrived.length - a.arrived.length);
    await edge.client().ask("two", edge.port);
    const to = mine?.arrived[0]?.to as never;
    other?.sendTo(to, Buffer.from("foreign"));
    mine?.raw(Buffer.from("garbage"));
    mine?.raw(new Uint8Array(0));
    mine?.sendTo({ session: 5, target, timeoutMs: 1 }, Buffer.from("no session"));
    await eventually("four strays", () => edge.doors.counters.strayDatagrams === 4);
    expect(client.received).toEqual(["one"]);
  });
});

describe.skipIf(process.platform !== "linux")("a change of the plan", () => {
  test("of target and time-out is for new sessions; open ones go on as they are", async () => {
    const edge = rig();
    const old = edge.client();
    await old.ask("one", edge.port);
    const { port } = edge;
    edge.uplink.serves.add("00000000000000bb");
    edge.doors.lead([binding({ target: "00000000000000bb", sessionTimeoutMs: 5000 })]);
    await old.ask("two", port);
    await edge.client().ask("three", port);
    expect(edge.uplink.arrived.map(({ to }) => [to.target, to.timeoutMs])).toEqual([
      [target, 60_000],
      [target, 60_000],
      ["00000000000000bb", 5000],
    ]);
  });

  test("that removes a binding accepts no new client, and serves those it has until they are idle", async () => {
    const edge = rig();
    const [old, late] = [edge.client(), edge.client()];
    await old.ask("one", edge.port);
    const { port } = edge;
    edge.doors.lead([]);
    expect(await old.ask("still", port)).toBe("still");
    late.send("too late", port);
    await eventually("a refusal", () => edge.doors.counters.refused.closed === 1);
    await edge.clock.advance(60_000);
    expect(edge.doors.open.sessions).toBe(0);
    expect(edge.doors.portOf("shop/dns/udp")).toBeUndefined();
    // The port is free again.
    const again = rig({ bindings: [binding({ listenPort: port })] });
    expect(again.doors.problemOf("shop/dns/udp")).toBeUndefined();
  });

  test("whose target no uplink serves any more: a session whose uplink went follows its binding", async () => {
    const edge = rig({ uplinks: 2 });
    const client = edge.client();
    await client.ask("one", edge.port);
    for (const uplink of edge.uplinks.all) uplink.serves = new Set(["00000000000000bb"]);
    edge.doors.lead([binding({ listenPort: 0, target: "00000000000000bb" })]);
    const mine = edge.uplinks.all.find(({ arrived }) => arrived.length > 0);
    if (mine) mine.isHealthy = false;
    edge.uplinks.changed();
    expect(await client.ask("two", edge.port)).toBe("two");
  });

  test("a port that something else has is named, and is opened once it is free", async () => {
    const taken = new DatagramSocket({ host: "127.0.0.1", port: 0, bufferBytes: 0, isShared: false, onDatagram() {} });
    const edge = rig({ bindings: [binding({ listenPort: taken.port }), binding({ id: "other" })] });
    expect(edge.doors.problemOf("shop/dns/udp")).toMatchObject({ state: "ListenFailed" });
    expect(edge.doors.problemOf("other")).toBeUndefined();
    await eventually("its holder", () => edge.doors.problemOf("shop/dns/udp")?.message.includes(`(process ${process.pid})`));
    taken.close();
    await edge.clock.advance(1000);
    expect(edge.doors.problemOf("shop/dns/udp")).toBeUndefined();
    expect(edge.changes).toBeGreaterThan(0);
    expect(await edge.client().ask("free", edge.port)).toBe("free");
  });
});

const [own] = networkAddresses().filter((address) => !address.includes(":"));

describe.skipIf(process.platform !== "linux")("an answer", () => {
  // One socket at 0.0.0.0 would answer 127.0.0.1 from 127.0.0.1, whichever address it asked.
  test.skipIf(own === undefined)("comes from the address that was asked, where the machine has several", async () => {
    const edge = rig({ hosts: ["0.0.0.0", "::"] });
    const client = edge.client();
    expect(await client.ask("hello", edge.port, own)).toBe("hello");
    expect(client.from).toBe(`${own} ${edge.port}`);
    expect(await client.ask("again", edge.port, "127.0.0.1")).toBe("again");
    expect(client.from).toBe(`127.0.0.1 ${edge.port}`);
  });

  test.skipIf(!hasIpv6())("comes by IPv6 to a client of IPv6", async () => {
    const edge = rig({ hosts: ["0.0.0.0", "::"] });
    const client = edge.client("::1");
    expect(await client.ask("hello", edge.port, "::1")).toBe("hello");
    expect(client.from).toBe(`::1 ${edge.port}`);
  });
});

describe.skipIf(process.platform !== "linux")("hard as a public port must be", () => {
  test("a client that is gone (ICMP) ends neither the process nor another's session", async () => {
    const edge = rig();
    const [gone, stays] = [edge.client(), edge.client()];
    await gone.ask("one", edge.port);
    await stays.ask("one", edge.port);
    gone.close();
    const to = edge.uplink.arrived[0]?.to as never;
    for (let index = 0; index < 10; index++) {
      edge.uplink.sendTo(to, Buffer.from("into nothing"));
      expect(await stays.ask(`${index}`, edge.port)).toBe(`${index}`);
    }
  });

  test("an uplink that is gone (ICMP) ends neither the process nor another's session", async () => {
    const edge = rig({ uplinks: 2 });
    const clients = [edge.client(), edge.client()];
    for (const client of clients) await client.ask("one", edge.port);
    const [first] = edge.uplinks.all;
    first?.close();
    const session = edge.uplinks.all[1]?.arrived[0]?.to.session;
    const alive = clients.find((client) => client.received.length === 1 && session !== undefined);
    for (const client of clients) for (let index = 0; index < 10; index++) client.send(`${index}`, edge.port);
    await eventually("the other's answers", () => clients.some(({ received }) => received.includes("9")));
    expect(alive).toBeDefined();
  });

  test("a target that refuses is counted", async () => {
    const edge = rig();
    await edge.client().ask("one", edge.port);
    edge.uplink.event("refused", edge.uplink.arrived[0]?.to.session ?? 0);
    await eventually("the count", () => edge.doors.counters.targetRefused === 1);
    expect(edge.doors.open.sessions).toBe(1);
  });
});

describe.skipIf(process.platform !== "linux")("a PROXY header", () => {
  test("stands before the first datagram of a session alone, and again at another uplink", async () => {
    const edge = rig({ uplinks: 2, bindings: [binding({ proxyHeader: 2 })] });
    const client = edge.client();
    for (const uplink of edge.uplinks.all) uplink.isEcho = false;
    const arrived = (): string[] => edge.uplinks.all.flatMap((uplink) => uplink.arrived.map(({ text }) => text));
    client.send("one", edge.port);
    client.send("two", edge.port);
    await eventually("both", () => arrived().length === 2);
    const header = Buffer.from(arrived()[0] ?? "", "latin1");
    expect(header.subarray(0, 16).toString("hex")).toBe("0d0a0d0a000d0a515549540a2112000c");
    expect([...header.subarray(16, 24)]).toEqual([127, 0, 0, 1, 127, 0, 0, 1]);
    expect([header.readUInt16BE(24), header.readUInt16BE(26)]).toEqual([client.port, edge.port]);
    expect([header.subarray(28).toString(), arrived()[1]]).toEqual(["one", "two"]);
    for (const uplink of edge.uplinks.all) if (uplink.arrived.length > 0) uplink.isHealthy = false;
    edge.uplinks.changed();
    client.send("three", edge.port);
    await eventually("the third", () => arrived().length === 3);
    const moved = edge.uplinks.all.find(({ isHealthy }) => isHealthy)?.arrived[0]?.text;
    expect([moved?.length, moved?.slice(28)]).toEqual([33, "three"]);
  });

  test("that leaves no room for the datagram is not sent without it", async () => {
    const edge = rig({ bindings: [binding({ proxyHeader: 2 })] });
    edge.client().send(new Uint8Array(maxPayloadBytes), edge.port);
    await eventually("a refusal", () => edge.doors.counters.refused.tooLong === 1);
    expect(edge.uplink.arrived).toEqual([]);
  });
});

describe.skipIf(process.platform !== "linux")("an end", () => {
  test("drains to the last session", async () => {
    const edge = rig();
    const client = edge.client();
    await client.ask("one", edge.port);
    const { port } = edge;
    const drained = edge.doors.drain();
    expect(await client.ask("two", port)).toBe("two");
    await edge.clock.advance(60_000);
    await within(1000, "the drain", drained);
  });

  test("without sessions is at once", async () => {
    await within(1000, "the drain", rig().doors.drain());
  });

  test("by close informs the uplinks of every session", async () => {
    const edge = rig();
    await edge.client().ask("one", edge.port);
    edge.doors.close();
    await eventually("the end", () => edge.uplink.ended.length === 1);
  });
});
