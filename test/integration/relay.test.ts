/** Tunnels over a relay in memory, whose connections are real: what it reaches, what it cannot, and what happens when it goes. */

import { afterEach, describe, expect, test } from "bun:test";
import { listen, type TCPSocketListener } from "bun";
import { concatBytes } from "#base/bytes.ts";
import { KtError } from "#base/errors.ts";
import { silentLog } from "#base/log.ts";
import type { RelaySettings } from "#route/relay-settings.ts";
import type { RelayedTarget } from "#route/target.ts";
import { Relays } from "#tunnel/relay/relays.ts";
import { Tunnels } from "#tunnel/tunnels.ts";
import { FakeCluster, type PodConnection } from "#test/support/fake-cluster.ts";
import { ManualClock } from "#test/support/manual-clock.ts";
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
  const answer = Promise.withResolvers<string | KtError>();
  const chunks: Uint8Array[] = [];
  conn.start({
    onData(bytes) {
      chunks.push(bytes);
      const all = new TextDecoder().decode(concatBytes(chunks));
      if (all.length >= text.length) answer.resolve(all);
    },
    onEnd: () => conn.end(),
    onDrain() {},
    onClose: (error) => answer.resolve(error ?? "closed"),
  });
  conn.write(new TextEncoder().encode(text));
  const answered = await moving(clock, answer.promise);
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
    expect(error).toMatchObject({ code: "protocol" });
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
