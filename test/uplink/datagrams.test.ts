/** Datagrams of an edge through an uplink, over real sockets: sessions, their ends, their limits, and what the network reports. */

import { afterEach, expect, test } from "bun:test";
import { DatagramSocket } from "#net/datagram-socket.ts";
import { listenUdp } from "#net/udp.ts";
import { fastClock } from "#test/support/fast-clock.ts";
import { type RigOptions, uplinkDocument, UplinkRig } from "#test/support/uplink-rig.ts";
import { eventually, within } from "#test/support/wait.ts";
import { decodeUplinkDatagram, encodeSessionEvent, type SessionTo, type UplinkDatagram } from "#wire/uplink-frame.ts";
import { encodeData } from "#test/support/encode-data.ts";

const host = "127.0.0.1";
const key = "00112233aabbccdd";
const closing: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});

/** The socket of an edge. */
class EdgeSocket {
  readonly #rig: UplinkRig;
  readonly #socket: DatagramSocket;
  readonly heard: UplinkDatagram[] = [];

  constructor(rig: UplinkRig) {
    this.#rig = rig;
    this.#socket = new DatagramSocket({
      host,
      port: 0,
      bufferBytes: 4_000_000,
      isShared: false,
      onDatagram: (bytes) => void this.heard.push(decodeUplinkDatagram(bytes)),
    });
    closing.push(() => this.#socket.close());
  }

  send(to: SessionTo, text: string | Uint8Array): void {
    for (const datagram of encodeData(to, typeof text === "string" ? new TextEncoder().encode(text) : text)) this.raw(datagram);
  }

  raw(datagram: Uint8Array): void {
    this.#socket.send(datagram, this.#rig.uplink.ports.datagrams, host);
  }

  texts(session: number): string[] {
    return this.heard.flatMap((each) =>
      each.kind === "data" && each.to.session === session ? [new TextDecoder().decode(each.payload)] : [],
    );
  }
}

/** A target that answers with what came, and from which port. */
function echo(): { readonly port: number; readonly sources: Set<number> } {
  const sources = new Set<number>();
  const listener = listenUdp({
    host,
    port: 0,
    onDatagram(payload, from) {
      sources.add(from.port);
      listener.send(payload, from);
    },
  });
  closing.push(() => listener.close());
  return { port: listener.port, sources };
}

async function rigFor(port: number, options: RigOptions = {}): Promise<{ readonly rig: UplinkRig; readonly edge: EdgeSocket }> {
  const rig = await UplinkRig.start(uplinkDocument([{ key, port, protocol: "UDP" }]), options);
  closing.push(() => rig[Symbol.asyncDispose]());
  await rig.ready();
  return { rig, edge: new EdgeSocket(rig) };
}

const to = (session: number, timeoutMs = 60_000): SessionTo => ({ session, target: key, timeoutMs });

test("each session has one source port at the target, and its answers come back under its number", async () => {
  const target = echo();
  const { rig, edge } = await rigFor(target.port);
  const [one, other] = [0xffff_ffff_fffe, 7];
  for (const text of ["a", "b"]) edge.send(to(one), text);
  edge.send(to(other), "c");
  await eventually("three answers", () => edge.heard.length === 3);
  expect([edge.texts(one).sort(), edge.texts(other), target.sources.size, rig.uplink.sessions]).toEqual([["a", "b"], ["c"], 2, 2]);
});

test("an empty datagram, and the largest one, arrive whole both ways", async () => {
  const target = echo();
  const { edge } = await rigFor(target.port);
  const largest = crypto.getRandomValues(new Uint8Array(65_507));
  edge.send(to(1), "");
  await eventually("the empty one", () => edge.texts(1)[0] === "");
  edge.send(to(2), largest);
  const parts = await eventually("both parts", () => {
    const found = edge.heard.flatMap((each) => (each.kind === "data" && each.to.session === 2 ? [each] : []));
    return found.length === 2 && found;
  });
  expect(parts.map(({ part }) => part)).toEqual([1, 2]);
  expect(Buffer.concat(parts.map(({ payload }) => payload)).equals(largest)).toBe(true);
});

test("a second part whose first was lost is dropped", async () => {
  const target = echo();
  const { edge } = await rigFor(target.port);
  const [, second = new Uint8Array()] = encodeData(to(1), new Uint8Array(65_507));
  edge.raw(second);
  edge.send(to(1), "after it");
  await eventually("the next one", () => edge.texts(1).length === 1);
  expect(edge.texts(1)).toEqual(["after it"]);
});

test("the edge ends a session, and what it sends under that number later is another one", async () => {
  const target = echo();
  const { rig, edge } = await rigFor(target.port);
  edge.send(to(1), "a");
  await eventually("the answer", () => edge.texts(1).length === 1);
  edge.raw(encodeSessionEvent("end", 1));
  await eventually("the end", () => rig.uplink.sessions === 0);
  edge.send(to(1), "b");
  await eventually("the answer of the next", () => edge.texts(1).length === 2);
  expect(target.sources.size).toBe(2);
});

test("a session that nothing uses ends a quarter and a second after its time, and one that is used does not", async () => {
  const clock = fastClock(20);
  const target = echo();
  const { rig, edge } = await rigFor(target.port, { clock });
  const beginMs = clock.now();
  edge.send(to(1, 4000), "a");
  edge.send(to(2, 4000), "b");
  await eventually("both sessions", () => rig.uplink.sessions === 2);
  const again = setInterval(() => edge.send(to(2, 4000), "b"), 20);
  await eventually("the end of the one", () => rig.uplink.sessions === 1, 10_000, 1);
  clearInterval(again);
  expect(clock.now() - beginMs).toBeGreaterThanOrEqual(6000);
  await eventually("the end of the other", () => rig.uplink.sessions === 0);
});

test("a target on which nothing listens is reported, and the session goes on", async () => {
  const listener = listenUdp({ host, port: 0, onDatagram() {} });
  const { port } = listener;
  listener.close();
  const { rig, edge } = await rigFor(port);
  edge.send(to(1), "a");
  await eventually("the report", () => edge.heard.some(({ kind }) => kind === "refused"));
  expect(rig.uplink.sessions).toBe(1);
  const later = listenUdp({ host, port, onDatagram: (payload, from) => void later.send(payload, from) });
  closing.push(() => later.close());
  edge.send(to(1), "b");
  await eventually("the answer", () => edge.texts(1)[0] === "b");
});

test("a session for a target that is not served is ended, and one whose target was edited begins anew", async () => {
  const [former, edited] = [echo(), echo()];
  const { rig, edge } = await rigFor(former.port);
  edge.send({ ...to(1), target: "ffffffffffffffff" }, "a");
  await eventually("the end", () => edge.heard.some((each) => each.kind === "end" && each.session === 1));
  edge.send(to(2), "b");
  await eventually("the answer", () => edge.texts(2).length === 1);
  const next = "0000000000000001";
  await rig.write(uplinkDocument([{ key: next, port: edited.port, protocol: "UDP" }]));
  await eventually("the edited target", async () => {
    edge.send({ ...to(2), target: next }, "c");
    return edge.texts(2).includes("c");
  });
  expect([former.sources.size, edited.sources.size, rig.uplink.sessions]).toEqual([1, 1, 1]);
});

test("datagrams of other peers, and those that no edge sends, are dropped", async () => {
  const target = echo();
  const document = uplinkDocument([{ key, port: target.port, protocol: "UDP" }]);
  const rig = await UplinkRig.start({ ...document, edge: { ...document.edge, address: "127.0.0.9" } });
  closing.push(() => rig[Symbol.asyncDispose]());
  await rig.ready();
  new EdgeSocket(rig).send(to(1), "a");
  const own = await rigFor(target.port);
  for (const bytes of [new Uint8Array(), new Uint8Array(18), new Uint8Array(40).fill(9)]) own.edge.raw(bytes);
  own.edge.send(to(1), "b");
  await eventually("the answer", () => own.edge.texts(1).length === 1);
  expect([rig.uplink.sessions, own.rig.uplink.sessions, target.sources.size]).toEqual([0, 1, 1]);
});

test("it drains: sessions go on until they end, and no more begin", async () => {
  const target = echo();
  const { rig, edge } = await rigFor(target.port, { clock: fastClock(20) });
  edge.send(to(1), "a");
  await eventually("the answer", () => edge.texts(1).length === 1);
  let isOver = false;
  const draining = rig.uplink.drain().then(() => {
    isOver = true;
  });
  // Those that come before the edge knows are begun.
  let tried = 1;
  await eventually("the end of a new one", () => {
    tried += 1;
    edge.send(to(tried), "late");
    return edge.heard.some((each) => each.kind === "end");
  });
  edge.send(to(1), "b");
  await eventually("the answer of the old one", () => edge.texts(1).length === 2);
  expect(isOver).toBe(false);
  for (let session = 1; session <= tried; session++) edge.raw(encodeSessionEvent("end", session));
  await within(10_000, "its end", draining);
});
