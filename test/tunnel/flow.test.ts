/** Flows of UDP through a tunnel: which pod they go to, what is shown of them, and their end. */

import { expect, test } from "bun:test";
import { KtError } from "#base/errors.ts";
import { silentLog } from "#base/log.ts";
import type { Endpoint } from "#kube/objects/types.ts";
import type { PodTarget, Target } from "#route/target.ts";
import { Tunnels } from "#tunnel/tunnels.ts";
import { DatagramRecorder } from "#test/support/datagram-recorder.ts";
import { FakeCluster } from "#test/support/fake-cluster.ts";
import { FakeRelay } from "#test/support/fake-relay.ts";
import { ManualClock } from "#test/support/manual-clock.ts";
import { serviceTarget } from "#test/support/service-target.ts";

const dns: PodTarget = { ...serviceTarget("dns", 53, "infra"), transport: "udp" };
const address: Target = {
  kind: "relayed",
  cluster: dns.cluster,
  namespace: "infra",
  host: "10.96.0.10",
  port: 53,
  transport: "udp",
};
const never = new AbortController().signal;

const pod = (name: string, at: string): Endpoint => ({ pod: name, port: 5300, address: at });

function rig({ relay = new FakeRelay(), idleTimeoutMs = 0 }: { relay?: FakeRelay | undefined; idleTimeoutMs?: number } = {}) {
  const cluster = new FakeCluster();
  const clock = new ManualClock();
  const tunnels = new Tunnels({
    clusterFor: () => cluster,
    relay,
    timeoutsFor: () => ({ idleTimeoutMs, startTimeoutMs: 30_000 }),
    clock,
    log: silentLog,
    report() {},
  });
  const open = async (target: Target): Promise<DatagramRecorder> => new DatagramRecorder(await tunnels.openFlow(target, never));
  return { cluster, clock, relay, tunnels, open, ready: (...endpoints: Endpoint[]) => cluster.resolve({ kind: "ready", endpoints }) };
}

test("a flow goes to the address of a ready pod, over a relay in the target's namespace, and its tunnel shows it", async () => {
  const { cluster, relay, tunnels, open, ready } = rig();
  ready(pod("dns-0", "10.0.0.7"));
  const flow = await open(dns);
  flow.send("hello");
  await flow.untilReceived(1);
  expect(relay.flows.map(({ to, place }) => [to, place.namespace, place.profile, place.cluster])).toEqual([
    ["10.0.0.7:5300", "infra", "p", cluster],
  ]);
  expect(tunnels.status(dns)).toMatchObject({ standing: { state: "running", pod: "dns-0" }, openConnections: 1 });
  flow.datagrams.close();
  await flow.untilClosed();
  expect(tunnels.status(dns)).toMatchObject({ standing: { state: "running" }, openConnections: 0 });
});

test("the same port of TCP is another target", () => {
  const { tunnels } = rig();
  void tunnels.openFlow(dns, never).catch(() => {});
  expect(tunnels.status(serviceTarget("dns", 53, "infra"))).toBeUndefined();
});

test("flows are shared out among the pods", async () => {
  const { relay, open, ready } = rig();
  ready(pod("dns-0", "10.0.0.7"), pod("dns-1", "10.0.0.8"));
  for (let flow = 0; flow < 4; flow++) await open(dns);
  expect(relay.flows.map(({ to }) => to).sort()).toEqual(["10.0.0.7:5300", "10.0.0.7:5300", "10.0.0.8:5300", "10.0.0.8:5300"]);
});

test("a pod that goes takes its flows along, and those of others go on", async () => {
  const { relay, tunnels, open, ready } = rig();
  ready(pod("dns-0", "10.0.0.7"), pod("dns-1", "10.0.0.8"));
  const flows = [await open(dns), await open(dns)];
  ready(pod("dns-1", "10.0.0.8"), pod("dns-2", "10.0.0.9"));
  const lost = flows[relay.flows.findIndex(({ to }) => to === "10.0.0.7:5300")];
  await lost?.untilClosed();
  expect(lost?.error).toMatchObject({ code: "connection-lost", message: 'pod "dns-0" is gone' });
  expect(flows.filter(({ events }) => events.includes("close"))).toEqual([lost as DatagramRecorder]);
  expect(tunnels.status(dns)?.openConnections).toBe(1);
});

test("a flow waits for a pod that is on its way", async () => {
  const { cluster, open, ready } = rig();
  cluster.resolve({ kind: "coming", problem: new KtError("no-ready-pod", "not yet") });
  const opening = open(dns);
  ready(pod("dns-0", "10.0.0.7"));
  const flow = await opening;
  flow.send("hello");
  await flow.untilReceived(1);
});

test("an address needs no pod, and no request to the cluster", async () => {
  const { cluster, relay, tunnels, open } = rig();
  const flow = await open(address);
  flow.send("hello");
  await flow.untilReceived(1);
  expect(relay.flows.map(({ to }) => to)).toEqual(["10.96.0.10:53"]);
  expect(cluster.follows).toBe(0);
  expect(tunnels.status(address)).toMatchObject({ standing: { state: "running", pod: "10.96.0.10" } });
});

test("without a relay the tunnel says so, and what is needed", async () => {
  const { relay, tunnels, ready } = rig();
  relay.problem = new KtError("relay-missing", "no image of kt can be pulled");
  ready(pod("dns-0", "10.0.0.7"));
  expect(await tunnels.openFlow(dns, never).catch((error: unknown) => error)).toBe(relay.problem);
  expect(await tunnels.prepare(dns, never).catch((error: unknown) => error)).toBe(relay.problem);
  expect(tunnels.status(dns)).toMatchObject({ standing: { state: "failed", problem: { code: "relay-missing" } }, openConnections: 0 });
});

test("where there can be no relay, that is the answer", async () => {
  const cluster = new FakeCluster();
  const options = { clusterFor: () => cluster, timeoutsFor: () => ({ idleTimeoutMs: 0, startTimeoutMs: 0 }), clock: new ManualClock() };
  const tunnels = new Tunnels({ ...options, log: silentLog, report() {} });
  expect(await tunnels.openFlow(address, never).catch((error: unknown) => error)).toMatchObject({
    code: "relay-missing",
    message: "UDP needs a relay in the cluster, since port-forward carries no datagrams, and there is none",
  });
});

test("a tunnel with a flow is not idle, and one whose flows are over becomes so", async () => {
  const { clock, tunnels, open, ready } = rig({ idleTimeoutMs: 10_000 });
  ready(pod("dns-0", "10.0.0.7"));
  const flow = await open(dns);
  await clock.advance(20_000);
  expect(tunnels.status(dns)?.phase).toBe("running");
  flow.datagrams.close();
  await clock.advance(20_000);
  expect(tunnels.status(dns)?.phase).toBe("idle");
});
