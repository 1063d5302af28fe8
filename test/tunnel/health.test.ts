/** Checks of targets in use, against pods in memory. */

import { expect, test } from "bun:test";
import { KtError } from "#base/errors.ts";
import { silentLog } from "#base/log.ts";
import type { KtEvent } from "#observe/events.ts";
import type { HealthCheck, Probe } from "#tunnel/health/health-check.ts";
import { tcpProbe } from "#tunnel/health/tcp-probe.ts";
import { tunnelLimits } from "#tunnel/limits.ts";
import { Tunnels } from "#tunnel/tunnels.ts";
import { echo, FakeCluster, type PodServer, refuse } from "#test/support/fake-cluster.ts";
import { ManualClock } from "#test/support/manual-clock.ts";
import { Recorder } from "#test/support/recorder.ts";
import { serviceTarget } from "#test/support/service-target.ts";

const target = serviceTarget("web");
const never = new AbortController().signal;
const intervalMs = 30_000;
const timeoutMs = 2_000;

function rig(options: { probe?: Probe; idleTimeoutMs?: number } = {}) {
  const cluster = new FakeCluster();
  const clock = new ManualClock();
  const events: KtEvent[] = [];
  let check: HealthCheck | undefined = { intervalMs, timeoutMs, failures: 3, probe: options.probe ?? tcpProbe(clock) };
  /** How the pod serves from now on, and how many connections it was given. */
  const pod = { serve: echo, connections: 0 };
  const server: PodServer = (connection) => {
    pod.connections += 1;
    pod.serve(connection);
  };
  const tunnels = new Tunnels({
    clusterFor: () => cluster,
    timeoutsFor: () => ({ idleTimeoutMs: options.idleTimeoutMs ?? 0, startTimeoutMs: 30_000 }),
    healthCheckOf: () => check,
    clock,
    log: silentLog,
    report: (event) => events.push(event),
  });
  cluster.setPod("web-1", server);
  cluster.ready("web-1");
  return {
    cluster,
    clock,
    pod,
    server,
    /** In whole ticks, each of which may begin a check. */
    pass: async (ms: number) => {
      for (let passedMs = 0; passedMs < ms; passedMs += tunnelLimits.tickMs) await clock.advance(tunnelLimits.tickMs);
    },
    /** A connection that has carried bytes. */
    dial: async () => {
      const stream = new Recorder((await tunnels.dial(target, never)).conn);
      stream.write("hello");
      await stream.untilText("hello");
      return stream;
    },
    status: () => tunnels.status(target),
    turns: () => events.flatMap((event) => (event.type === "health" ? [event.problem?.message ?? "well"] : [])),
    checkNothing: () => (check = undefined),
  };
}

test("a port that refuses is a problem after three checks in a row, and none after one that succeeds", async () => {
  const { dial, pass, pod, status, turns } = rig();
  await dial();
  await pass(intervalMs + 2_000);
  expect(status()).toMatchObject({ standing: { state: "running" }, health: { failedInARow: 0 } });
  pod.serve = refuse;
  await pass(2 * intervalMs);
  expect(status()).toMatchObject({ standing: { state: "running" }, health: { failedInARow: 2 } });
  await pass(intervalMs);
  expect(status()?.standing).toMatchObject({ state: "failed", problem: { code: "unhealthy" } });
  expect(turns()).toEqual([expect.stringContaining("3 health checks in a row failed: ")]);
  pod.serve = echo;
  await pass(intervalMs);
  expect(status()).toMatchObject({ standing: { state: "running" }, health: { failedInARow: 0 } });
  expect(turns().at(-1)).toBe("well");
  expect(turns().length).toBe(2);
});

test("one failed check between others says nothing", async () => {
  const { dial, pass, pod, status, turns } = rig();
  await dial();
  for (const serve of [refuse, refuse, echo, refuse, refuse, echo]) {
    pod.serve = serve;
    await pass(intervalMs);
    expect(status()?.standing.state).toBe("running");
  }
  expect(turns()).toEqual([]);
});

test("a target that is not in use any more is not checked, and checks keep nothing awake", async () => {
  const idleTimeoutMs = 4 * intervalMs;
  const { dial, pass, pod, status } = rig({ idleTimeoutMs });
  (await dial()).conn.abort();
  await pass(idleTimeoutMs + 2_000);
  expect(pod.connections).toBeGreaterThan(3);
  expect(status()?.phase).toBe("idle");
  const before = pod.connections;
  await pass(4 * intervalMs);
  expect(pod.connections).toBe(before);
});

test("minutes after its last connection a target is not in use", async () => {
  const { dial, pass, pod, status } = rig();
  (await dial()).conn.abort();
  await pass(tunnelLimits.healthInUseMs + intervalMs);
  const before = pod.connections;
  await pass(4 * intervalMs);
  expect(pod.connections).toBe(before);
  expect(status()?.phase).toBe("running");
});

test("a connection that stays open is use, however long it lasts", async () => {
  const { dial, pass, pod } = rig();
  await dial();
  await pass(tunnelLimits.healthInUseMs + intervalMs);
  const before = pod.connections;
  await pass(2 * intervalMs);
  expect(pod.connections).toBe(before + 2);
});

test("without checks nothing is asked, and what they found is forgotten", async () => {
  const { dial, pass, pod, status, checkNothing } = rig();
  await dial();
  pod.serve = refuse;
  await pass(4 * intervalMs);
  expect(status()?.standing.state).toBe("failed");
  checkNothing();
  await pass(2_000);
  expect(status()).toMatchObject({ standing: { state: "running" }, health: undefined });
  const before = pod.connections;
  await pass(4 * intervalMs);
  expect(pod.connections).toBe(before);
});

test("what failed is forgotten with the pod that failed", async () => {
  const { cluster, dial, pass, pod, server, status } = rig();
  await dial();
  pod.serve = refuse;
  await pass(4 * intervalMs);
  expect(status()?.standing.state).toBe("failed");
  cluster.setPod("web-2", server);
  cluster.ready("web-2");
  await pass(1_000);
  expect(status()).toMatchObject({ standing: { state: "running", pod: "web-2" }, health: undefined });
});

test("a probe without an answer ends with its time, and its connection with it", async () => {
  const ended: string[] = [];
  const { dial, pass, status } = rig({
    probe: (conn, signal) =>
      new Promise((_resolve, reject) => {
        signal.addEventListener("abort", () => {
          ended.push(String(signal.reason.message));
          conn.abort();
          reject(signal.reason);
        });
      }),
  });
  await dial();
  await pass(4 * intervalMs);
  expect(status()?.standing).toMatchObject({ problem: { message: "3 health checks in a row failed: no answer within 2000 ms" } });
  expect(ended).toEqual(Array.from({ length: ended.length }, () => "no answer within 2000 ms"));
  expect(status()?.openConnections).toBe(1);
});

test("while no pod is ready the reason of the cluster is the problem, and nothing is checked", async () => {
  const { cluster, dial, pass, pod, status, turns } = rig();
  await dial();
  await pass(intervalMs + 2_000);
  const before = pod.connections;
  cluster.resolve({ kind: "coming", problem: new KtError("no-ready-pod", "it is pulled") });
  await pass(4 * intervalMs);
  expect(pod.connections).toBe(before);
  expect(turns()).toEqual([]);
  expect(status()?.standing.state).not.toBe("running");
});
