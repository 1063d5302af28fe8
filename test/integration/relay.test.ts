/** Tunnels over a relay in memory, whose connections are real: what it reaches, what it cannot, and what happens when it goes. */

import { afterEach, describe, expect, test } from "bun:test";
import { networkInterfaces } from "node:os";
import { listen, type TCPSocketListener } from "bun";
import { KtError } from "#base/errors.ts";
import { silentLog } from "#base/log.ts";
import type { RelaySettings } from "#route/relay-settings.ts";
import type { RelayedTarget } from "#route/target.ts";
import { Relays } from "#tunnel/relay/relays.ts";
import { tunnelLimits } from "#tunnel/limits.ts";
import { Tunnels } from "#tunnel/tunnels.ts";
import { answerTo } from "#test/support/answer.ts";
import { FakeCluster, type PodConnection } from "#test/support/fake-cluster.ts";
import { ManualClock } from "#test/support/manual-clock.ts";
import { Recorder } from "#test/support/recorder.ts";
import { relayPod } from "#test/support/relay-pod.ts";
import { serviceTarget } from "#test/support/service-target.ts";
import { eventually } from "#test/support/wait.ts";
import { encodeRelayFrame, relayVersion } from "#wire/relay-frame.ts";

const plain: RelaySettings = {
  mode: "auto",
  image: "kt:1",
  namespace: "tools",
  nodeSelector: {},
  tolerations: [],
  resources: { requests: {}, limits: {} },
  labels: {},
};
const never = new AbortController().signal;
const closing: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});

/** Sends back what it is sent. */
function echo(): TCPSocketListener {
  const server = listen({ hostname: "127.0.0.1", port: 0, socket: { data: (socket, bytes) => void socket.write(bytes) } });
  closing.push(() => server.stop(true));
  return server;
}

const relayed = (port: number, host = "127.0.0.1"): RelayedTarget => ({
  kind: "relayed",
  cluster: { profile: "/p", context: undefined },
  namespace: undefined,
  host,
  port,
});

function rig(settings: Partial<RelaySettings> = {}) {
  const cluster = new FakeCluster();
  const clock = new ManualClock();
  const relays = new Relays({
    holder: { id: "hub", user: "ann@box" },
    settingsFor: () => ({ ...plain, ...settings }),
    clock,
    log: silentLog,
  });
  const timeouts = { idleTimeoutMs: 0, startTimeoutMs: 30_000 };
  const tunnels = new Tunnels({ clusterFor: () => cluster, relays, timeoutsFor: () => timeouts, clock, log: silentLog, report() {} });
  closing.push(() => tunnels.close());
  return { cluster, clock, relays, tunnels };
}

/** Lets sockets and timers go on until it resolves. */
async function moving<T>(clock: ManualClock, promise: Promise<T>): Promise<T> {
  let over = false;
  const settled = promise.finally(() => (over = true));
  settled.catch(() => {});
  await eventually("it to settle", async () => {
    await clock.advance(20);
    return over;
  });
  return await settled;
}

/** All that comes back for a text, or why the connection ended. */
async function ask(
  { tunnels, clock }: ReturnType<typeof rig>,
  target: Parameters<Tunnels["dial"]>[0],
  text: string,
): Promise<string | KtError> {
  const { conn } = await moving(clock, tunnels.dial(target, never));
  const answered = await moving(clock, answerTo(conn, text));
  conn.abort();
  return answered;
}

describe("an address of the cluster", () => {
  test("is reached by a relay that is made once, in the namespace of the profile, and given up with the last tunnel", async () => {
    const there = rig();
    const { state } = relayPod(there.cluster, "relay-1", there.clock);
    there.cluster.ready("relay-1");
    expect(await ask(there, relayed(echo().port), "hello")).toBe("hello");
    expect(await ask(there, relayed(echo().port), "again")).toBe("again");
    expect(there.cluster.jobs.made.map(({ metadata }) => metadata)).toMatchObject([{ namespace: "tools" }]);
    there.tunnels.retain(() => false);
    await moving(
      there.clock,
      eventually("the goodbye", () => state.ended !== undefined),
    );
    expect(state.ended).toBe("its last user has left");
  });

  const hasIpv6 = Object.values(networkInterfaces()).some((addresses) => addresses?.some(({ address }) => address === "::1"));
  test.skipIf(!hasIpv6)("of IPv6 is reached (skipped where the machine has no ::1)", async () => {
    const there = rig();
    relayPod(there.cluster, "relay-1", there.clock);
    there.cluster.ready("relay-1");
    const server = listen({ hostname: "::1", port: 0, socket: { data: (socket, bytes) => void socket.write(bytes) } });
    closing.push(() => server.stop(true));
    expect(await ask(there, relayed(server.port, "::1"), "hello")).toBe("hello");
  });

  test("that refuses, and a name that does not resolve, are errors of their own", async () => {
    const there = rig();
    relayPod(there.cluster, "relay-1", there.clock);
    there.cluster.ready("relay-1");
    const closed = echo();
    closed.stop(true);
    expect(await ask(there, relayed(closed.port), "x")).toMatchObject({ code: "target-refused" });
    expect(await ask(there, relayed(80, "no-such-name.invalid"), "x")).toMatchObject({ code: "target-not-found" });
  });

  test("needs the relay to be allowed, and to have an image", async () => {
    for (const [settings, why] of [
      [{ mode: "never" }, "switched off"],
      [{ image: undefined }, "has no image"],
    ] as const) {
      const { tunnels } = rig(settings);
      const error = await tunnels.dial(relayed(80), never).catch((thrown: unknown) => thrown);
      expect(error).toMatchObject({ code: "relay-missing" });
      expect(String(error)).toContain(why);
    }
  });
});

test("a Job whose pod has ended is replaced at once, although its controller has not said so", async () => {
  const there = rig();
  relayPod(there.cluster, "relay-1", there.clock);
  const ended = new KtError("no-ready-pod", 'pod "relay-0" has completed', { detail: "pod-ended" });
  there.cluster.resolve({ kind: "none", problem: ended });
  const { port } = echo();
  const answer = ask(there, relayed(port), "hello");
  await moving(
    there.clock,
    eventually("another Job", () => there.cluster.jobs.removed.length > 0),
  );
  there.cluster.ready("relay-1");
  expect(await answer).toBe("hello");
});

test("a Job whose pod was deleted is replaced, for it gets no other", async () => {
  const there = rig();
  relayPod(there.cluster, "relay-1", there.clock);
  there.cluster.ready("relay-1");
  const { port } = echo();
  expect(await ask(there, relayed(port), "hello")).toBe("hello");
  there.cluster.removePod("relay-1");
  there.cluster.resolve({ kind: "coming", problem: new KtError("no-ready-pod", "its first pod has yet to be made") });
  await moving(
    there.clock,
    eventually("another Job", () => there.cluster.jobs.made.length === 2),
  );
  relayPod(there.cluster, "relay-2", there.clock);
  there.cluster.ready("relay-2");
  expect(await ask(there, relayed(port), "again")).toBe("again");
});

test("a Job that may make no pod is explained in the cluster's words", async () => {
  const there = rig();
  there.cluster.jobs.noPod = 'pods "kt-relay-1" is forbidden: exceeded quota: none';
  there.cluster.resolve({ kind: "coming", problem: new KtError("no-ready-pod", "its first pod has yet to be made") });
  const error = await moving(there.clock, there.tunnels.dial(relayed(80), never)).catch((thrown: unknown) => thrown);
  expect(error).toMatchObject({ code: "relay-failed" });
  expect(String(error)).toContain('the relay with the image "kt:1" does not start: pods "kt-relay-1" is forbidden: exceeded quota');
});

test("a pod of a new Job that has ended without a session says why", async () => {
  const there = rig();
  const ended = new KtError("no-ready-pod", 'pod "relay-0" has failed (exit code 1)', { detail: "pod-ended" });
  const dialled = moving(there.clock, there.tunnels.dial(relayed(80), never)).catch((thrown: unknown) => thrown);
  await there.clock.advance(0);
  there.cluster.resolve({ kind: "none", problem: ended });
  expect(String(await dialled)).toContain('does not start: pod "relay-0" has failed (exit code 1)');
});

test("a relay that is slow to answer is waited for where nothing else reaches the address", async () => {
  const there = rig();
  const { state, goOn } = relayPod(there.cluster, "relay-1", there.clock);
  there.cluster.ready("relay-1");
  const { port } = echo();
  expect(await ask(there, relayed(port), "hello")).toBe("hello");
  const relay = there.relays.find("/p", there.cluster);
  await moving(
    there.clock,
    eventually("both sessions", () => relay?.sessions === 2),
  );
  state.isStalled = true;
  const begun = new Recorder((await there.tunnels.dial(relayed(port), never)).conn);
  begun.write("begun");
  there.relays.ping();
  await there.clock.advance(tunnelLimits.relaySilenceMs);
  expect(relay?.isReady).toBe(false);
  const late = ask(there, relayed(port), "late");
  await there.clock.advance(tunnelLimits.relaySilenceMs);
  goOn();
  expect(await late).toBe("late");
  await begun.untilText("begun");
});

test("what an address may have read before it broke off is not sent to it again", async () => {
  const there = rig();
  relayPod(there.cluster, "relay-1", there.clock);
  there.cluster.ready("relay-1");
  let accepted = 0;
  const server = listen({
    hostname: "127.0.0.1",
    port: 0,
    socket: { open: () => void accepted++, data: (socket) => void socket.terminate() },
  });
  closing.push(() => server.stop(true));
  const client = new Recorder((await moving(there.clock, there.tunnels.dial(relayed(server.port), never))).conn);
  client.write("order a pizza");
  // No time passes, in which the relay would say that the address has accepted.
  await eventually("its end", () => client.closed);
  expect(client.error).toMatchObject({ code: "connection-lost" });
  expect(accepted).toBe(1);
});

describe("a relay that is about to end, as with its node,", () => {
  /** With one connection open over it. */
  async function leaving() {
    const there = rig();
    const { server } = relayPod(there.cluster, "relay-1", there.clock);
    there.cluster.ready("relay-1");
    const { port } = echo();
    const open = new Recorder((await moving(there.clock, there.tunnels.dial(relayed(port), never))).conn);
    const echoed = async (text: string): Promise<void> => {
      open.conn.write(new TextEncoder().encode(text));
      await moving(there.clock, open.untilText(text));
    };
    await echoed("before");
    const ended = server.drain();
    return { ...there, server, port, echoed, open, ended };
  }

  test("is replaced at once, and what is open over it goes on until that ends", async () => {
    const there = await leaving();
    await moving(
      there.clock,
      eventually("another Job", () => there.cluster.jobs.made.length === 2),
    );
    const asked = ask(there, relayed(there.port), "meanwhile");
    relayPod(there.cluster, "relay-2", there.clock);
    there.cluster.ready("relay-2");
    expect(await asked).toBe("meanwhile");
    await there.echoed("after");
    there.open.conn.abort();
    await moving(there.clock, there.ended);
    expect(await ask(there, relayed(there.port), "then")).toBe("then");
    expect(there.cluster.jobs.made.length).toBe(2);
  });

  test("and that another hub has replaced already is left to it", async () => {
    const there = rig();
    const { server } = relayPod(there.cluster, "relay-1", there.clock);
    there.cluster.ready("relay-1");
    const { port } = echo();
    expect(await ask(there, relayed(port), "hello")).toBe("hello");
    const name = there.cluster.jobs.made[0]?.metadata.name ?? "";
    there.cluster.jobs.set("tools", name, { uid: "of the other hub" });
    relayPod(there.cluster, "relay-2", there.clock);
    await moving(there.clock, server.drain());
    there.cluster.ready("relay-2");
    expect(await ask(there, relayed(port), "again")).toBe("again");
    expect([there.cluster.jobs.made.length, there.cluster.jobs.removed]).toEqual([1, []]);
  });
});

describe("a pod that is not the relay that was asked for", () => {
  async function problemOf(answer: (connection: PodConnection) => void): Promise<unknown> {
    const there = rig();
    there.cluster.setPod("relay-1", answer);
    there.cluster.ready("relay-1");
    return await moving(there.clock, there.tunnels.dial(relayed(80), never)).catch((thrown: unknown) => thrown);
  }

  test("as one of another version is named with both versions", async () => {
    const error = await problemOf((connection) => connection.write(encodeRelayFrame({ type: "hello", version: relayVersion + 1, id: "" })));
    expect(error).toMatchObject({ code: "relay-failed" });
    expect(String(error)).toContain(`version ${relayVersion + 1} of its protocol`);
  });

  test("as a web server is said to be no relay", async () => {
    const error = await problemOf((connection) => connection.write(new TextEncoder().encode("HTTP/1.1 400 Bad Request\r\n\r\n")));
    expect(error).toMatchObject({ code: "relay-failed" });
    expect(String(error)).toContain('the relay with the image "kt:1" does not start: the relay\'s session has a frame of the unknown type');
  });
});

describe("with mode always", () => {
  const shout = (connection: PodConnection): void => {
    connection.onData = () => connection.write(new TextEncoder().encode("FORWARDED"));
  };
  const web = serviceTarget("web", 80, "shop");

  /** A pod of the service that is the relay's as well: the cluster in memory has one answer to all that is followed. */
  async function started(port: number) {
    const there = rig({ mode: "always" });
    const { server } = relayPod(there.cluster, "pod-1", there.clock, shout);
    there.cluster.resolve({ kind: "ready", endpoints: [{ pod: "pod-1", port, address: "127.0.0.1" }] });
    expect(await ask(there, web, "forwarded")).toBe("FORWARDED");
    await moving(
      there.clock,
      eventually("the relay", () => there.relays.find("/p", there.cluster)?.isReady === true),
    );
    return { ...there, server };
  }

  test("a new connection goes over the relay once that is ready, and by port-forward when it has gone", async () => {
    const there = await started(echo().port);
    expect(await ask(there, web, "relayed")).toBe("relayed");
    there.server.close();
    await moving(
      there.clock,
      eventually("its end", () => there.relays.find("/p", there.cluster)?.isReady === false),
    );
    expect(await ask(there, web, "forwarded")).toBe("FORWARDED");
  });

  test("what the relay cannot reach goes by port-forward, which gives the answer", async () => {
    const closed = echo();
    closed.stop(true);
    const there = await started(closed.port);
    expect(await ask(there, web, "forwarded")).toBe("FORWARDED");
  });
});
