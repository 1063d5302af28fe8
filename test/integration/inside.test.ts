/** Tunnels of a kt in a pod of the cluster, whose connections are real: what it reaches itself, and what by port-forward. */

import { afterEach, expect, test } from "bun:test";
import { listen, type TCPSocketListener } from "bun";
import { systemClock } from "#base/clock.ts";
import { KtError } from "#base/errors.ts";
import { silentLog } from "#base/log.ts";
import { podNetwork } from "#kube/way/pod-network.ts";
import { listenUdp } from "#net/udp.ts";
import type { RelayedTarget } from "#route/target.ts";
import { Relays } from "#tunnel/relay/relays.ts";
import { Tunnels } from "#tunnel/tunnels.ts";
import { answerTo } from "#test/support/answer.ts";
import { FakeCluster } from "#test/support/fake-cluster.ts";
import { serviceTarget } from "#test/support/service-target.ts";

const never = new AbortController().signal;
const closing: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});

/** No profile has a relay here: none is needed. */
function rig() {
  const cluster = new FakeCluster();
  cluster.podNetwork = podNetwork({ HOSTNAME: "kt-0" });
  const common = { clock: systemClock, log: silentLog };
  const relays = new Relays({ holder: { id: "hub", user: "ann@box" }, settingsFor: () => undefined, ...common });
  const timeouts = { idleTimeoutMs: 0, startTimeoutMs: 30_000 };
  const tunnels = new Tunnels({ clusterFor: () => cluster, relays, timeoutsFor: () => timeouts, report() {}, ...common });
  closing.push(() => tunnels.close());
  return { cluster, tunnels };
}

function echo(): TCPSocketListener {
  const server = listen({ hostname: "127.0.0.1", port: 0, socket: { data: (socket, bytes) => void socket.write(bytes) } });
  closing.push(() => server.stop(true));
  return server;
}

/** A port that refuses. */
function closedPort(): number {
  const server = echo();
  server.stop(true);
  return server.port;
}

const address = (host: string, port: number): RelayedTarget => {
  return { kind: "relayed", cluster: { profile: "/p", context: undefined }, namespace: undefined, host, port };
};

/** All that comes back for a text, or why the connection ended. */
async function ask({ tunnels }: ReturnType<typeof rig>, target: Parameters<Tunnels["dial"]>[0], text: string): Promise<string | KtError> {
  const { conn } = await tunnels.dial(target, never);
  const answered = await answerTo(conn, text);
  conn.abort();
  return answered;
}

test("a pod is reached at its own address, without the API server", async () => {
  const there = rig();
  there.cluster.resolve({ kind: "ready", endpoints: [{ pod: "web-0", port: echo().port, address: "127.0.0.1" }] });
  expect(await ask(there, serviceTarget("web"), "hello")).toBe("hello");
  expect(there.cluster.sessions).toEqual([]);
});

test("a port that only the pod itself reaches is forwarded, at once and from then on", async () => {
  const there = rig();
  there.cluster.setPod("web-0", (connection) => {
    connection.onData = (bytes) => connection.write(new TextEncoder().encode(new TextDecoder().decode(bytes).toUpperCase()));
  });
  there.cluster.resolve({ kind: "ready", endpoints: [{ pod: "web-0", port: closedPort(), address: "127.0.0.1" }] });
  for (const text of ["first", "second"]) expect(await ask(there, serviceTarget("web"), text)).toBe(text.toUpperCase());
});

test("a refusal is the answer where forwarding is not allowed", async () => {
  const there = rig();
  there.cluster.portForward = () => Promise.reject(new KtError("forbidden", "pods/portforward may not be created"));
  const port = closedPort();
  there.cluster.resolve({ kind: "ready", endpoints: [{ pod: "web-0", port, address: "127.0.0.1" }] });
  const error = await ask(there, serviceTarget("web"), "x");
  expect(error).toMatchObject({ code: "target-refused", message: `kt cannot connect to 127.0.0.1:${port}: connection refused` });
});

test("addresses and names need no relay", async () => {
  const there = rig();
  expect(await ask(there, address("127.0.0.1", echo().port), "hello")).toBe("hello");
  expect(await ask(there, address("no-such-name.invalid", 80), "x")).toMatchObject({ code: "target-not-found" });
  expect(await ask(there, address("127.0.0.1", closedPort()), "x")).toMatchObject({ code: "target-refused" });
});

test("datagrams need none either", async () => {
  const there = rig();
  const server = listenUdp({ host: "127.0.0.1", port: 0, onDatagram: (payload, from) => void server.send(payload, from) });
  closing.push(() => server.close());
  const flow = await there.tunnels.openFlow({ ...address("127.0.0.1", server.port), transport: "udp" }, never);
  const back = Promise.withResolvers<string>();
  flow.start({ onDatagram: (payload) => back.resolve(new TextDecoder().decode(payload)), onUnreachable() {}, onClose() {} });
  flow.send(new TextEncoder().encode("ping"));
  expect(await back.promise).toBe("ping");
  flow.close();
});
