/** A whole edge with real uplinks, by both transports (without WireGuard): from its public ports to targets, while both change. */

import { afterEach, expect, test } from "bun:test";
import { writeFile } from "node:fs/promises";
import { CryptoHasher, serve } from "bun";
import type { EdgeDocument, TcpEdgeBinding } from "#expose/host/edge-document.ts";
import { targetKey } from "#expose/host/target-key.ts";
import type { UplinkDocument } from "#expose/host/uplink-document.ts";
import { listenTcp } from "#net/tcp.ts";
import { connectUdp, listenUdp } from "#net/udp.ts";
import { type Identity, identityOf, makeKey } from "#tls/identity.ts";
import { DatagramRecorder } from "#test/support/datagram-recorder.ts";
import { type EdgeRig, edgeRig, tcpBinding } from "#test/support/edge-rig.ts";
import { onOverlay } from "#test/support/overlay.ts";
import { RawClient } from "#test/support/raw-client.ts";
import { Recorder } from "#test/support/recorder.ts";
import { uplinkDocument, UplinkRig } from "#test/support/uplink-rig.ts";
import { eventually, within } from "#test/support/wait.ts";

/** Streams over loopback come from here, whatever the edge's address is. */
const edgeAddress = "127.0.0.1";
const publicPort = 5000;

const closing: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});

interface Target {
  readonly port: number;
  readonly protocol?: "TCP" | "UDP";
}

const keyOf = ({ port, protocol = "TCP" }: Target): string => targetKey(protocol, { address: "127.0.0.1", port });
type Transport = EdgeDocument["transport"];

const newIdentity = (): Identity => identityOf(makeKey(), Date.now()) as Identity;
const tunnelPort = 51_820;

class Whole {
  readonly edge: EdgeRig;
  readonly uplinks: UplinkRig[] = [];
  readonly #transport: Transport;
  readonly #identity: Identity;
  /** Of the uplinks, by ordinal. */
  readonly #identities: readonly Identity[];

  private constructor(edge: EdgeRig, transport: Transport, identity: Identity, identities: readonly Identity[]) {
    this.edge = edge;
    this.#transport = transport;
    this.#identity = identity;
    this.#identities = identities;
  }

  static async start(transport: Transport, targets: readonly Target[], count = 1): Promise<Whole> {
    const identity = newIdentity();
    const edge = await edgeRig(count, { identity });
    closing.push(() => edge[Symbol.asyncDispose]());
    const identities = Array.from({ length: count }, newIdentity);
    const whole = new Whole(edge, transport, identity, identities);
    for (const [ordinal, { key }] of identities.entries()) {
      const at = edge.net.uplink(ordinal);
      const keyFile = `${edge.folder}/key-${ordinal}`;
      await writeFile(keyFile, key);
      const rig = await UplinkRig.start(whole.documentOf(at, targets), { at, keyFile });
      closing.push(() => rig[Symbol.asyncDispose]());
      whole.uplinks.push(rig);
    }
    return whole;
  }

  documentOf(at: string, targets: readonly Target[]): UplinkDocument {
    const document = uplinkDocument(
      targets.map((target) => ({ ...target, key: keyOf(target) })),
      { uplinks: [{ ordinal: 0, address: at }] },
    );
    if (this.#transport === "wireguard") return document;
    const edge = { host: this.edge.net.public, port: tunnelPort, publicKey: this.#identity.pin, address: this.edge.net.edge };
    return { ...document, transport: "tls", edge };
  }

  async plan(bindings: EdgeDocument["bindings"], more: Partial<EdgeDocument> = {}): Promise<void> {
    const uplinks = this.#identities.map(({ pin }, ordinal) => ({ ordinal, address: this.edge.net.uplink(ordinal), publicKey: pin }));
    const own = this.#transport === "tls" ? { transport: "tls" as const, tunnelPort, uplinks } : { edgeAddress };
    await this.edge.plan(bindings, { ...own, ...more });
  }

  /** One binding, that is served. */
  async lead(target: Target, more: Partial<TcpEdgeBinding> = {}): Promise<void> {
    const binding = tcpBinding("x", publicPort, { target: keyOf(target), ...more });
    await this.plan([binding]);
    await this.edge.until("x", "Listening", binding.hash);
  }

  async serves(targets: readonly Target[]): Promise<void> {
    for (const [ordinal, uplink] of this.uplinks.entries()) await uplink.write(this.documentOf(this.edge.net.uplink(ordinal), targets));
  }

  get url(): string {
    return `http://${this.edge.net.public}:${publicPort}`;
  }

  client(): Promise<RawClient> {
    return RawClient.open(publicPort, this.edge.net.public);
  }
}

/** A target that says its name to each that connects, and sends back what comes. */
function greeter(name: string): Target {
  const listener = listenTcp({
    host: "127.0.0.1",
    port: 0,
    accept(conn) {
      conn.write(new TextEncoder().encode(`${name}:`));
      conn.start({ onData: (bytes) => void conn.write(bytes), onEnd: () => conn.end(), onDrain() {}, onClose() {} });
    },
  });
  closing.push(() => listener.close());
  return { port: listener.port };
}

/** New connections, one after the other, until it is stopped: the names of who answered, and how many had no answer. */
function ticker(whole: Whole): {
  readonly stop: () => Promise<{ readonly names: ReadonlySet<string>; readonly lost: number; readonly count: number }>;
} {
  const names = new Set<string>();
  let [isOver, lost, count] = [false, 0, 0];
  const running = (async (): Promise<void> => {
    while (!isOver) {
      const client = await whole.client();
      count += 1;
      await client.readUntil(":").then(
        (text) => names.add(text),
        () => {
          lost += 1;
        },
      );
      client.abort();
    }
  })();
  return {
    stop: async () => {
      isOver = true;
      await running;
      return { names, lost, count };
    },
  };
}

const hashOf = (bytes: Uint8Array): string => new CryptoHasher("sha256").update(bytes).digest("hex");

for (const transport of ["wireguard", "tls"] as const)
  onOverlay(`an edge and its uplinks by ${transport}`, () => {
    test("100 MB go each way unharmed", async () => {
      const block = crypto.getRandomValues(new Uint8Array(65_536));
      const all = Buffer.concat(Array.from({ length: 1600 }, () => block));
      const server = serve({
        hostname: "127.0.0.1",
        port: 0,
        maxRequestBodySize: 200_000_000,
        fetch: async (request) => new Response(request.method === "GET" ? all : hashOf(await request.bytes())),
      });
      closing.push(() => server.stop(true));
      const target = { port: server.port ?? 0 };
      const whole = await Whole.start(transport, [target]);
      await whole.lead(target);
      const [down, up] = await Promise.all([fetch(whole.url), fetch(whole.url, { method: "POST", body: all })]);
      expect([hashOf(await down.bytes()), await up.text()]).toEqual([hashOf(all), hashOf(all)]);
    }, 60_000);

    test("two hundred clients at once are all answered", async () => {
      const target = greeter("target");
      const whole = await Whole.start(transport, [target]);
      await whole.lead(target, { connectTimeoutMs: 20_000 });
      const clients = await Promise.all(Array.from({ length: 200 }, () => whole.client()));
      for (const client of clients) await within(20_000, "the target's name", client.readUntil("target:"));
      for (const client of clients) client.abort();
    }, 60_000);

    test("a half-close reaches the target, and so does a reset, which comes back as well", async () => {
      const accepted: Recorder[] = [];
      const listener = listenTcp({ host: "127.0.0.1", port: 0, accept: (conn) => void accepted.push(new Recorder(conn)) });
      closing.push(() => listener.close());
      const whole = await Whole.start(transport, [listener]);
      await whole.lead(listener);
      const one = await whole.client();
      one.write("question");
      one.end();
      const first = await eventually("the target", () => accepted[0]);
      await within(10_000, "the end of the question", first.untilEnd());
      first.write("answer after the end");
      first.conn.end();
      expect([first.text(), await within(10_000, "the answer", one.readToEnd())]).toEqual(["question", "answer after the end"]);
      const two = await whole.client();
      const second = await eventually("the second", () => accepted[1]);
      two.abort();
      await within(10_000, "the reset of the client", second.untilClosed());
      expect(second.error?.code).toBe("connection-lost");
      const three = await whole.client();
      (await eventually("the third", () => accepted[2])).conn.abort();
      await within(10_000, "the reset of the target", three.whenClosed());
      expect(three.wasReset).toBe(true);
    });

    for (const first of ["edge", "uplink"] as const) {
      test(`an edit of a target loses no connection where the ${first} hears of it first, and open ones go on`, async () => {
        const [former, edited] = [greeter("former"), greeter("edited")];
        const whole = await Whole.start(transport, [former]);
        await whole.lead(former);
        const open = await whole.client();
        await open.readUntil("former:");
        const ticks = ticker(whole);
        const wanted = tcpBinding("x", publicPort, { target: keyOf(edited) });
        if (first === "edge") await whole.plan([wanted]);
        else await whole.serves([edited]);
        // The former target is served until both know.
        await (await whole.client()).readUntil("former:");
        if (first === "edge") await whole.serves([edited]);
        else await whole.plan([wanted]);
        await whole.edge.until("x", "Listening", wanted.hash);
        await (await whole.client()).readUntil("edited:");
        const { names, lost, count } = await ticks.stop();
        expect([lost, names.size]).toEqual([0, 2]);
        expect(count).toBeGreaterThan(5);
        open.write("still here");
        await within(10_000, "the echo", open.readUntil("still here"));
      });
    }

    test("an uplink that drains loses no connection: open ones go on, new ones go to the other", async () => {
      const target = greeter("target");
      const whole = await Whole.start(transport, [target], 2);
      await whole.lead(target);
      const [leaving, staying] = whole.uplinks as [UplinkRig, UplinkRig];
      await eventually("both to be healthy", () => whole.edge.edge.status().uplinks.every(({ isHealthy }) => isHealthy));
      const open = await Promise.all(Array.from({ length: 8 }, () => whole.client()));
      for (const client of open) await client.readUntil("target:");
      const before = leaving.uplink.openStreams;
      expect([before > 0, staying.uplink.openStreams > 0]).toEqual([true, true]);
      const ticks = ticker(whole);
      let isOver = false;
      const draining = leaving.uplink.drain().then(() => {
        isOver = true;
      });
      await eventually("the edge to know", () => whole.edge.edge.status().uplinks.some(({ isHealthy }) => !isHealthy));
      const { lost, count } = await ticks.stop();
      expect([lost, isOver, count > 5]).toEqual([0, false, true]);
      for (const client of open) client.write("still here");
      for (const client of open) await within(10_000, "the echo", client.readUntil("still here"));
      for (const client of open) client.end();
      await within(10_000, "the end of the uplink", draining);
    });

    test("a client of UDP has one source port at the target for as long as its session lasts", async () => {
      const sources = new Set<number>();
      const echo = listenUdp({
        host: "127.0.0.1",
        port: 0,
        onDatagram(payload, from) {
          sources.add(from.port);
          echo.send(payload, from);
        },
      });
      closing.push(() => echo.close());
      const target = { port: echo.port, protocol: "UDP" } as const;
      const whole = await Whole.start(transport, [target]);
      await whole.plan([
        { protocol: "UDP", id: "u", hash: "h", listenPort: publicPort, target: keyOf(target), sessionTimeoutMs: 60_000, proxyHeader: 0 },
      ]);
      await whole.edge.until("u", "Listening");
      const client = new DatagramRecorder(await connectUdp({ host: whole.edge.net.public, port: publicPort }));
      closing.push(() => client.datagrams.close());
      for (const payload of [new Uint8Array(), new Uint8Array(1200).fill(7), crypto.getRandomValues(new Uint8Array(65_507))]) {
        client.datagrams.send(payload);
        await eventually("the answer", () => client.received.some((each) => Buffer.compare(each, payload) === 0));
      }
      expect([sources.size, whole.uplinks[0]?.uplink.sessions]).toEqual([1, 1]);
    });

    test("the bridge of an uplink leads to the status page of the edge", async () => {
      // At an address of its own, since the port of the page is fixed: no stream comes from there.
      const whole = await Whole.start(transport, []);
      const { edge, uplink } = whole.edge.net;
      const document = whole.documentOf(uplink(0), []);
      await whole.uplinks[0]?.write({ ...document, edge: { ...document.edge, address: edge } });
      await whole.plan([], { edgeAddress: edge });
      const { hash, startedAt } = whole.edge.edge.status();
      const page = await eventually("the page", async () => (await fetch(`http://${uplink(0)}:40600/status`)).json());
      expect(page).toMatchObject({ hash, startedAt });
    });
  });
