/** UDP from a client to a target and back, through an edge's ports and an uplink as it runs in the cluster. */

import { afterEach, describe, expect, test } from "bun:test";
import { DatagramSocket } from "#net/datagram-socket.ts";
import { tempDir } from "#test/support/temp-dir.ts";
import { uplinkDocument, UplinkRig } from "#test/support/uplink-rig.ts";
import { eventually } from "#test/support/wait.ts";
import { maxPayloadBytes } from "#wire/uplink-frame.ts";
import { Instance } from "./instance.ts";
import { Client, target } from "./rig.ts";

const ends: (() => unknown)[] = [];
afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end();
});

/** Answers with what it got; knows who asked. */
class EchoTarget {
  readonly sources = new Set<number>();
  readonly received: Uint8Array[] = [];
  readonly #socket: DatagramSocket;

  constructor() {
    this.#socket = new DatagramSocket({
      host: "127.0.0.1",
      port: 0,
      bufferBytes: 4 << 20,
      isShared: false,
      onDatagram: (payload, port, host) => {
        this.sources.add(port);
        this.received.push(payload);
        this.#socket.send(payload, port, host);
      },
    });
    ends.push(() => this.#socket.close());
  }

  get port(): number {
    return this.#socket.port;
  }
}

async function uplinkTo(echo: EchoTarget): Promise<UplinkRig> {
  const rig = await UplinkRig.start(uplinkDocument([{ key: target, port: echo.port, protocol: "UDP" }]));
  await rig.ready();
  ends.push(() => rig[Symbol.asyncDispose]());
  return rig;
}

function clients(count: number): Client[] {
  return Array.from({ length: count }, () => {
    const client = new Client();
    ends.push(() => client.close());
    return client;
  });
}

function edge(rig: UplinkRig, path: string): Instance {
  const uplink = { address: "127.0.0.1", isHealthy: true };
  const uplinks = { all: [uplink], inTurn: () => [uplink], listen: () => () => {} };
  const made = new Instance(path, uplinks, { edgeAddress: "127.0.0.1", uplinkPort: rig.uplink.ports.datagrams });
  ends.push(() => made.close());
  return made;
}

describe.skipIf(process.platform !== "linux")("through edge and uplink", () => {
  test("200 clients are 200 sources at the target, each gets its own answers, of every size", async () => {
    await using folder = await tempDir();
    const echo = new EchoTarget();
    const rig = await uplinkTo(echo);
    const doors = edge(rig, `${folder.path}/edge.sock`);
    await doors.start();
    const all = clients(200);
    const answers = await Promise.all(all.map((client, index) => client.ask(`client ${index}`, doors.port)));
    expect(answers).toEqual(all.map((_, index) => `client ${index}`));
    expect(echo.sources.size).toBe(200);
    expect(rig.uplink.sessions).toBe(200);
    for (const length of [0, 1, 1200, 65_000, 65_001, maxPayloadBytes]) {
      const text = "0123456789".repeat(7000).slice(0, length);
      expect(await all[0]?.ask(text, doors.port)).toBe(text);
    }
    expect(echo.sources.size).toBe(200);
  });

  test("an idle session ends at the uplink too", async () => {
    await using folder = await tempDir();
    const echo = new EchoTarget();
    const rig = await uplinkTo(echo);
    const doors = edge(rig, `${folder.path}/edge.sock`);
    await doors.start(0, { sessionTimeoutMs: 200 });
    const [client] = clients(1);
    await client?.ask("one", doors.port);
    const begunMs = performance.now();
    await eventually("the end at the uplink", () => rig.uplink.sessions === 0, 5000, 2);
    expect(performance.now() - begunMs).toBeLessThan(1000);
    await client?.ask("two", doors.port);
    expect(echo.sources.size).toBe(2);
  });

  test("two hand-overs of 200 sessions show the target no new source", async () => {
    await using folder = await tempDir();
    const echo = new EchoTarget();
    const rig = await uplinkTo(echo);
    let current = edge(rig, `${folder.path}/edge.sock`);
    await current.start();
    const { port } = current;
    const all = clients(200);
    await Promise.all(all.map((client) => client.ask("first", port)));
    const before = [...echo.sources].sort();
    for (let swap = 0; swap < 2; swap++) {
      const next = edge(rig, `${folder.path}/edge.sock`);
      await next.start(port);
      current.close();
      current = next;
      await Promise.all(all.map((client) => client.ask(`after ${swap}`, port)));
    }
    expect([...echo.sources].sort()).toEqual(before);
    expect(rig.uplink.sessions).toBe(200);
  });

  test("a PROXY header is the beginning of the session's first datagram at the target", async () => {
    await using folder = await tempDir();
    const echo = new EchoTarget();
    const rig = await uplinkTo(echo);
    const doors = edge(rig, `${folder.path}/edge.sock`);
    await doors.start(0, { proxyHeader: 2 });
    const [client] = clients(1);
    client?.send("one", doors.port);
    client?.send("two", doors.port);
    await eventually("both", () => echo.received.length === 2);
    expect(
      Buffer.from(echo.received[0] ?? [])
        .subarray(28)
        .toString(),
    ).toBe("one");
    expect(Buffer.from(echo.received[1] ?? []).toString()).toBe("two");
  });

  test("a target that nothing listens at is counted, and serves as soon as something does", async () => {
    await using folder = await tempDir();
    const gone = new DatagramSocket({ host: "127.0.0.1", port: 0, bufferBytes: 0, isShared: false, onDatagram() {} });
    const { port } = gone;
    gone.close();
    const rig = await UplinkRig.start(uplinkDocument([{ key: target, port, protocol: "UDP" }]));
    await rig.ready();
    ends.push(() => rig[Symbol.asyncDispose]());
    const doors = edge(rig, `${folder.path}/edge.sock`);
    await doors.start();
    const [client] = clients(1);
    await eventually("a refusal", () => {
      client?.send("into nothing", doors.port);
      return doors.doors.counters.targetRefused > 0;
    });
    const back = new DatagramSocket({
      host: "127.0.0.1",
      port,
      bufferBytes: 0,
      isShared: false,
      onDatagram: (payload, from, host) => back.send(payload, from, host),
    });
    ends.push(() => back.close());
    client?.send("back", doors.port);
    await eventually("an answer", () => client?.received.includes("back"));
  });
});
