/** Tunnels against pods in memory: sessions, retries, waiting, idling and death. */

import { serviceTarget } from "#test/support/service-target.ts";
import { gc } from "bun";
import { afterEach, describe, expect, test } from "bun:test";
import { KtError } from "#base/errors.ts";
import { sharedLimits } from "#base/limits.ts";
import { tunnelLimits } from "#tunnel/limits.ts";
import { silentLog } from "#base/log.ts";
import type { KtEvent } from "#observe/events.ts";
import type { Target } from "#route/target.ts";
import { echo, FakeCluster, type PodServer, refuse } from "#test/support/fake-cluster.ts";
import { ManualClock, settle } from "#test/support/manual-clock.ts";
import { Recorder } from "#test/support/recorder.ts";
import { problemOf } from "#tunnel/standing.ts";
import { Tunnels } from "#tunnel/tunnels.ts";

const target: Target = serviceTarget("web");
const never = new AbortController().signal;

function rig(options: { idleTimeoutMs?: number; startTimeoutMs?: number } = {}) {
  const cluster = new FakeCluster();
  const clock = new ManualClock();
  const events: KtEvent[] = [];
  let announced: unknown;
  const tunnels: Tunnels = new Tunnels({
    clusterFor: () => cluster,
    timeoutsFor: () => ({ idleTimeoutMs: options.idleTimeoutMs ?? 0, startTimeoutMs: options.startTimeoutMs ?? 30_000 }),
    clock,
    log: silentLog,
    report: (event) => events.push(event),
    onChange: () => (announced = standing()),
  });
  const standing = (): unknown => tunnels.status(target)?.standing;
  // Trouble with the cluster is announced by an event of its own.
  announcements.push(() => cluster.trouble === undefined && expect(announced).toEqual(standing()));
  const dial = async (): Promise<Recorder> => new Recorder((await tunnels.dial(target, never)).conn);
  return { cluster, clock, tunnels, events, dial, announced: () => announced };
}

/** What of each tunnel was announced last must be how it stands at the end of the test. */
const announcements: (() => void)[] = [];
afterEach(() => {
  for (const check of announcements.splice(0)) check();
});

const named =
  (name: string): PodServer =>
  (connection) => {
    connection.onData = () => connection.write(new TextEncoder().encode(name));
  };

describe("a dial", () => {
  test("reaches a ready pod and carries bytes both ways", async () => {
    const { cluster, dial, tunnels } = rig();
    cluster.setPod("web-1", echo);
    cluster.ready("web-1");
    const stream = await dial();
    stream.write("hello");
    await stream.untilText("hello");
    expect(tunnels.status(target)).toMatchObject({ phase: "running", standing: { state: "running", pod: "web-1" }, openConnections: 1 });
  });

  test("waits for the first resolution, and many dials share one start", async () => {
    const { cluster, tunnels } = rig();
    cluster.setPod("web-1", echo);
    const dials = Array.from({ length: 10 }, () => tunnels.dial(target, never));
    await settle();
    cluster.ready("web-1");
    expect((await Promise.all(dials)).every((link) => link.pod === "web-1")).toBe(true);
    expect(cluster.follows).toBe(1);
  });

  test("gives each connection a session of its own, and keeps some spare", async () => {
    const { cluster, clock, dial } = rig();
    cluster.setPod("web-1", echo);
    cluster.ready("web-1");
    await dial();
    await clock.advance(tunnelLimits.spareDelayMs);
    expect(cluster.sessions.length).toBe(1 + 1);
    const atOnce = tunnelLimits.burstConnections + 1;
    await Promise.all(Array.from({ length: atOnce }, dial));
    for (let spare = 1; spare <= tunnelLimits.spareSessionsPerPod; spare++) {
      await clock.advance(tunnelLimits.spareDelayMs);
      expect(cluster.sessions.length).toBe(1 + atOnce + spare);
    }
    await clock.advance(tunnelLimits.spareDelayMs);
    expect(cluster.sessions.length).toBe(1 + atOnce + tunnelLimits.spareSessionsPerPod);
  });

  test("shares the sessions of a cold burst, and has one of its own again right after", async () => {
    const { cluster, clock, tunnels, dial } = rig();
    cluster.setPod("web-1", echo);
    cluster.ready("web-1");
    const burst = Array.from({ length: 50 }, dial);
    await clock.advance(tunnelLimits.burstGatherMs);
    const streams = await Promise.all(burst);
    expect(cluster.sessions.length).toBeLessThanOrEqual(tunnelLimits.burstSessions + 1);
    for (const [at, stream] of streams.entries()) stream.write(`connection ${at}`);
    for (const [at, stream] of streams.entries()) await stream.untilText(`connection ${at}`);
    const sharedSessions = cluster.sessions.length;
    const alone = await dial();
    expect(cluster.sessions.length).toBe(sharedSessions + 1);
    alone.write("alone");
    await alone.untilText("alone");
    cluster.sessions.at(-1)?.far.abort();
    await alone.untilClosed();
    expect(streams.filter(({ closed }) => closed)).toEqual([]);
    expect(tunnels.status(target)?.openConnections).toBe(50);
  });

  test("uses a session again after a clean end", async () => {
    const { cluster, clock, dial } = rig();
    cluster.setPod("web-1", echo);
    cluster.ready("web-1");
    for (let round = 0; round < 5; round++) {
      const stream = await dial();
      stream.write("x");
      await stream.untilText("x");
      stream.conn.end();
      await clock.advance(100);
      await stream.untilClosed();
      expect(stream.error).toBeUndefined();
    }
    expect(cluster.sessions.length).toBeLessThanOrEqual(2);
  });

  test("spreads connections over the ready pods", async () => {
    const { cluster, tunnels } = rig();
    for (const pod of ["a", "b", "c"]) cluster.setPod(pod, echo);
    cluster.ready("a", "b", "c");
    const pods: string[] = [];
    for (let index = 0; index < 6; index++) pods.push((await tunnels.dial(target, never)).pod);
    expect(pods.sort()).toEqual(["a", "a", "b", "b", "c", "c"]);
  });

  test("to a context that leads elsewhere now does not use a previous session, though the pod has the same name", async () => {
    const { cluster, dial, tunnels } = rig();
    cluster.setPod("db-0", echo);
    cluster.ready("db-0");
    const first = await tunnels.dial(target, never);
    const parked = new Recorder(first.conn);
    parked.write("hello");
    await parked.untilText("hello");
    expect(first.usable()).toBe(true);
    const before = cluster.sessions.length;
    cluster.place = {};
    cluster.ready("db-0");
    expect(first.usable()).toBe(false);
    await dial();
    expect(cluster.sessions.length).toBe(before + 1);
  });

  test("past the cap shares sessions instead of failing", async () => {
    const { cluster, dial } = rig();
    cluster.setPod("web-1", echo);
    cluster.ready("web-1");
    const streams = await Promise.all(Array.from({ length: tunnelLimits.sessionsPerPod + 40 }, dial));
    for (const [index, stream] of streams.entries()) stream.write(`n${index};`);
    await Promise.all(streams.map((stream, index) => stream.untilText(`n${index};`)));
    expect(cluster.sessions.length).toBeLessThanOrEqual(tunnelLimits.sessionsPerPod);
  });
});

describe("preparing", () => {
  test("opens a session and no connection, which the first dial then uses", async () => {
    const { cluster, tunnels, dial } = rig();
    cluster.setPod("web-1", echo);
    cluster.ready("web-1");
    expect(await tunnels.prepare(target, never)).toEqual({ pod: "web-1", port: 8080 });
    expect([cluster.sessions.length, tunnels.status(target)?.openConnections]).toEqual([1, 0]);
    const stream = await dial();
    stream.write("hello");
    await stream.untilText("hello");
    expect(cluster.sessions.length).toBe(1);
  });

  test("rejects as a dial would", async () => {
    const { cluster, tunnels } = rig();
    cluster.resolve({ kind: "none", problem: new KtError("workload-not-found", "there is no deployment") });
    await expect(tunnels.prepare(target, never)).rejects.toMatchObject({ code: "workload-not-found" });
  });
});

test("a new pod of the same name is not reached over a previous session, whether that was used or not", async () => {
  const { cluster, tunnels, dial } = rig();
  cluster.setPod("db-0", () => {});
  cluster.ready("db-0");
  await tunnels.prepare(target, never);
  cluster.resolve({ kind: "none", problem: new KtError("no-ready-pod", "it is gone") });
  cluster.setPod("db-0", named("the new one"));
  cluster.ready("db-0");
  const stream = await dial();
  stream.write("?");
  await stream.untilText("the new one");
});

describe("a pod that does not take the connection", () => {
  test("refuses: the answer is immediate when it is alone and never worked", async () => {
    const { cluster, dial } = rig();
    cluster.setPod("web-1", refuse);
    cluster.ready("web-1");
    const stream = await dial();
    stream.write("x");
    await stream.untilClosed();
    expect(stream.error?.code).toBe("port-refused");
    expect(stream.error?.message).toContain('pod "web-1" refused');
  });

  test("refuses: another pod gets the same bytes", async () => {
    const { cluster, dial } = rig();
    cluster.setPod("bad", refuse);
    cluster.setPod("good", echo);
    cluster.ready("bad", "good");
    for (let round = 0; round < 4; round++) {
      const stream = await dial();
      stream.write("once");
      await stream.untilText("once");
      expect(stream.text()).toBe("once");
    }
  });

  test("is gone: the dial goes on to the next pod as soon as there is one", async () => {
    const { cluster, tunnels } = rig();
    cluster.ready("old");
    const dialled = tunnels.dial(target, never);
    await settle();
    cluster.resolve({ kind: "coming", problem: new KtError("no-ready-pod", "starting") });
    await settle();
    cluster.setPod("new", echo);
    cluster.ready("new");
    expect((await dialled).pod).toBe("new");
  });

  test("worked before: the connection waits for the pod that replaces it", async () => {
    const { cluster, dial } = rig();
    cluster.setPod("old", named("old"));
    cluster.ready("old");
    const before = await dial();
    before.write("?");
    await before.untilText("old");
    cluster.setPod("old", refuse);
    for (const session of cluster.sessions) session.far.abort();
    const stream = await dial();
    stream.write("?");
    await settle();
    cluster.setPod("new", named("new"));
    cluster.ready("new");
    await stream.untilText("new");
  });
});

test("a node that has run out of descriptors of its own is quoted", async () => {
  const { cluster, clock, dial, tunnels } = rig();
  cluster.setPod("web-1", ({ port, fail }) => fail(`error forwarding port ${port} to pod abc, uid : open netns: too many open files`));
  cluster.ready("web-1");
  const stream = await dial();
  stream.write("hello");
  for (let second = 0; second < 5; second++) await clock.advance(tunnelLimits.noPodAnswerMs);
  await stream.untilClosed();
  expect(stream.error?.message).toContain("too many open files");
  expect(problemOf(tunnels.status(target)?.standing)?.message).toContain("too many open files");
});

test("and so is the API server that cannot reach the node for want of them", async () => {
  const { cluster, clock, dial } = rig();
  cluster.ready("web-1");
  cluster.portForward = () => Promise.reject(new KtError("cluster-error", "dial tcp 10.0.0.1:10250: socket: too many open files"));
  const dialled = dial().catch((error: KtError) => error.message);
  await settle();
  await clock.advance(tunnelLimits.noPodAnswerMs);
  expect(await dialled).toContain("too many open files");
});

describe("a connection that is lost before its first byte", () => {
  const lostAfter =
    (seen: string[]): PodServer =>
    (connection) => {
      connection.onData = (bytes) => {
        seen.push(new TextDecoder().decode(bytes));
        connection.fail("read: connection reset by peer");
      };
    };

  test("is not sent to another pod when this one may have acted on it", async () => {
    const { cluster, dial } = rig();
    const seen: string[] = [];
    cluster.setPod("a", lostAfter(seen));
    cluster.setPod("b", lostAfter(seen));
    cluster.ready("a", "b");
    const stream = await dial();
    stream.write("INCR");
    await stream.untilClosed();
    expect(seen).toEqual(["INCR"]);
    expect(stream.error?.code).toBe("connection-lost");
  });

  test("with its session gets another session to the same pod when nothing has been sent", async () => {
    const { cluster, dial } = rig();
    const greet: PodServer = () => {};
    cluster.setPod("web-1", greet);
    cluster.ready("web-1");
    const stream = await dial();
    await settle();
    cluster.setPod("web-1", (connection) => connection.write(new TextEncoder().encode("welcome")));
    for (const session of [...cluster.sessions]) session.far.abort();
    await stream.until(() => stream.closed || stream.length > 0);
    expect(stream.text()).toBe("welcome");
  });

  test("keeps all that is written while another pod is looked for", async () => {
    const { cluster, dial } = rig();
    cluster.setPod("old", echo);
    cluster.ready("old");
    const before = await dial();
    before.write("?");
    await before.untilText("?");
    cluster.setPod("old", refuse);
    for (const session of cluster.sessions) session.far.abort();
    const stream = await dial();
    stream.write("begin ");
    await settle();
    const bulk = "x".repeat(sharedLimits.replayBytes);
    expect(stream.write(bulk)).toBe(false);
    cluster.setPod("new", echo);
    cluster.ready("new");
    await stream.until(() => stream.closed || stream.length >= 6 + bulk.length);
    expect(stream.text() === `begin ${bulk}`).toBe(true);
  });
});

describe("without a ready pod", () => {
  const problem = new KtError("no-ready-pod", 'pod "web-1" is in CrashLoopBackOff');

  test("none on its way: the answer comes after a second, with the reason", async () => {
    const { cluster, clock, tunnels } = rig();
    cluster.resolve({ kind: "none", problem });
    const outcome = tunnels.dial(target, never).catch((error: KtError) => error);
    await clock.advance(tunnelLimits.noPodAnswerMs + 10);
    expect(await outcome).toBe(problem);
  });

  test("one on its way: the dial waits for it up to the start timeout", async () => {
    const { cluster, clock, tunnels } = rig({ startTimeoutMs: 5000 });
    cluster.resolve({ kind: "coming", problem });
    const outcome = tunnels.dial(target, never).catch((error: KtError) => error);
    await clock.advance(4900);
    await clock.advance(200);
    const error = (await outcome) as KtError;
    expect(error.code).toBe("start-timeout");
    expect(error.message).toContain("within 5 s");
    expect(error.message).toContain("CrashLoopBackOff");
  });

  test("nothing is known yet: that is reported, and not that no pod is ready", async () => {
    const { clock, tunnels } = rig({ startTimeoutMs: 5000 });
    const dial = tunnels.dial(target, never).catch((error: unknown) => error);
    await clock.advance(5000);
    expect(await dial).toMatchObject({
      code: "start-timeout",
      message: 'context "fake" did not say within 5 s what is behind shop/svc/web:80',
      hints: ["finish its login if one is waiting, then try again"],
    });
  });

  test("what waiting does not help is reported at once", async () => {
    const { cluster, tunnels } = rig();
    const forbidden = new KtError("forbidden", 'may not "get" "services"');
    cluster.resolve({ kind: "failed", problem: forbidden });
    expect(await tunnels.dial(target, never).catch((error) => error)).toBe(forbidden);
  });

  test("dials that gave up leave nothing behind, however long nothing changes", async () => {
    const { cluster, clock, tunnels } = rig();
    cluster.resolve({ kind: "none", problem });
    const kept: WeakRef<AbortSignal>[] = [];
    const dialInVain = async (): Promise<void> => {
      const { signal } = new AbortController();
      kept.push(new WeakRef(signal));
      const failed = tunnels.dial(target, signal).catch(() => undefined);
      await clock.advance(tunnelLimits.noPodAnswerMs);
      await failed;
    };
    for (let round = 0; round < 100; round++) await dialInVain();
    await settle();
    gc(true);
    expect(kept.filter((each) => each.deref() !== undefined).length).toBeLessThan(50);
  });

  test("a client that leaves ends its own wait only", async () => {
    const { cluster, tunnels } = rig();
    const leaving = new AbortController();
    const gone = tunnels.dial(target, leaving.signal).catch(() => "gone");
    const staying = tunnels.dial(target, never);
    await settle();
    leaving.abort(new KtError("connection-lost", "left"));
    expect(await gone).toBe("gone");
    cluster.setPod("web-1", echo);
    cluster.ready("web-1");
    expect((await staying).pod).toBe("web-1");
  });
});

describe("without another connection, the standing", () => {
  const gone = { kind: "none", problem: new KtError("service-not-found", "there is no service") } as const;

  test("follows the pods: none, and another one", async () => {
    const { cluster, dial, tunnels } = rig();
    const standing = () => tunnels.status(target)?.standing;
    cluster.setPod("web-1", echo);
    cluster.ready("web-1");
    (await dial()).conn.end();
    cluster.resolve(gone);
    expect(standing()).toMatchObject({ state: "failed", problem: { code: "service-not-found" }, pods: [] });
    cluster.resolve({ kind: "coming", problem: new KtError("no-ready-pod", "it is pulled") });
    expect(standing()).toMatchObject({ state: "starting", problem: { message: "it is pulled" } });
    cluster.ready("web-2");
    expect(standing()).toMatchObject({ state: "running", pod: "web-2", pods: ["web-2"] });
  });

  test("forgets what a connection met once other pods are ready, but not a permission that is missing", async () => {
    const { cluster, dial, tunnels } = rig();
    const standing = () => tunnels.status(target)?.standing.state;
    cluster.setPod("web-1", refuse);
    cluster.ready("web-1");
    await (await dial()).untilClosed();
    expect(standing()).toBe("failed");
    cluster.ready("web-2");
    expect(standing()).toBe("running");
    cluster.portForward = () => Promise.reject(new KtError("forbidden", "you may not forward ports"));
    await expect(dial()).rejects.toMatchObject({ code: "forbidden" });
    cluster.ready("web-3");
    expect(standing()).toBe("failed");
  });

  test("reports since when nothing is ready, though the reason changes", async () => {
    const { cluster, clock, dial, tunnels } = rig();
    cluster.setPod("web-1", echo);
    cluster.ready("web-1");
    await dial();
    await clock.advance(1000);
    cluster.resolve({ kind: "coming", problem: new KtError("no-ready-pod", "it starts") });
    const sinceMs = clock.wallMs();
    await clock.advance(1000);
    cluster.resolve(gone);
    expect(tunnels.status(target)?.standing).toMatchObject({ problem: { code: "service-not-found", sinceMs } });
  });

  test("shows that the cluster does not answer, and that it does again", async () => {
    const { cluster, dial, tunnels } = rig();
    cluster.setPod("web-1", echo);
    cluster.ready("web-1");
    await dial();
    cluster.trouble = { problem: new KtError("cluster-unreachable", "no answer"), sinceMs: 5 };
    expect(tunnels.status(target)?.standing).toMatchObject({ state: "failed", problem: { code: "cluster-unreachable", sinceMs: 5 } });
    cluster.trouble = undefined;
    expect(tunnels.status(target)?.standing.state).toBe("running");
  });

  test("is announced when the context leads to another cluster, and when a tunnel that failed goes idle", async () => {
    const { cluster, clock, dial, tunnels, announced } = rig({ idleTimeoutMs: 5000 });
    cluster.setPod("web-1", echo);
    cluster.ready("web-1");
    (await dial()).conn.end();
    await clock.advance(1000);
    cluster.move();
    await clock.advance(1000);
    expect(announced()).toMatchObject({ state: "starting" });
    cluster.resolve({ kind: "none", problem: new KtError("service-not-found", "there is no service") });
    await expect(dial()).rejects.toMatchObject({ code: "service-not-found" });
    expect(announced()).toMatchObject({ state: "failed" });
    await clock.advance(60_000);
    expect([announced(), tunnels.status(target)?.phase]).toEqual([{ state: "idle" }, "idle"]);
  });

  test("of one whose only client left runs as soon as a pod is ready", async () => {
    const { cluster, tunnels } = rig();
    const leaving = new AbortController();
    const dialled = tunnels.dial(target, leaving.signal);
    leaving.abort(new KtError("shutting-down", "the client left"));
    await expect(dialled).rejects.toMatchObject({ code: "shutting-down" });
    cluster.ready("web-1");
    expect(tunnels.status(target)?.standing).toMatchObject({ state: "running", pod: "web-1" });
  });

  test("remembers nothing once the tunnel went idle", async () => {
    const { cluster, clock, dial, tunnels } = rig({ idleTimeoutMs: 5000 });
    cluster.setPod("web-1", echo);
    cluster.ready("web-1");
    const stream = await dial();
    stream.conn.end();
    await clock.advance(100);
    await stream.untilClosed();
    cluster.resolve(gone);
    await clock.advance(6000);
    expect(tunnels.status(target)?.standing).toEqual({ state: "idle" });
  });
});

describe("a session", () => {
  test("that answers no ping is dead within 15 s, and the next dial gets another", async () => {
    const { cluster, clock, dial } = rig();
    cluster.setPod("web-1", echo);
    cluster.ready("web-1");
    const stream = await dial();
    stream.write("x");
    await stream.untilText("x");
    for (const session of cluster.sessions) session.near.blackHole();
    for (let second = 0; second < 16; second++) await clock.advance(1000);
    await stream.untilClosed();
    expect(stream.error?.message).toContain("no ping");
    const next = await dial();
    next.write("again");
    await next.untilText("again");
  });

  test("that answers pings lives on, however quiet", async () => {
    const { cluster, clock, dial } = rig();
    cluster.setPod("web-1", echo);
    cluster.ready("web-1");
    const stream = await dial();
    stream.write("x");
    await stream.untilText("x");
    for (let second = 0; second < 120; second++) await clock.advance(1000);
    expect(stream.closed).toBe(false);
    stream.write("still");
    await stream.untilText("still");
  });

  test("with a reader that stalls stops the peer, and leaves the others alone", async () => {
    const { cluster, dial } = rig();
    let sentBytes = 0;
    cluster.setPod("web-1", (connection) => {
      connection.onData = (bytes) => {
        if (bytes[0] !== 0x21) return connection.write(bytes);
        sentBytes += 1024 * 1024;
        connection.write(new Uint8Array(1024 * 1024));
      };
    });
    cluster.ready("web-1");
    const stalled = await dial();
    stalled.conn.pause();
    stalled.write("!");
    await settle();
    expect(sentBytes).toBe(1024 * 1024);
    const other = await dial();
    other.write("hello");
    await other.untilText("hello");
    expect(stalled.length).toBe(0);
    stalled.conn.resume();
    await stalled.until(() => stalled.length === 1024 * 1024);
  });

  test("lost takes its connections with it, and only those", async () => {
    const { cluster, dial } = rig();
    cluster.setPod("web-1", echo);
    cluster.ready("web-1");
    const [one, other] = await Promise.all([dial(), dial()]);
    one?.write("1");
    other?.write("2");
    await Promise.all([one?.untilText("1"), other?.untilText("2")]);
    cluster.sessions[0]?.far.abort();
    await Promise.race([one?.untilClosed(), other?.untilClosed()]);
    expect([one?.closed, other?.closed].filter(Boolean)).toHaveLength(1);
  });
});

describe("a tunnel", () => {
  test("goes idle after its time and starts again on use", async () => {
    const { cluster, clock, tunnels, dial, events } = rig({ idleTimeoutMs: 10_000 });
    cluster.setPod("web-1", echo);
    cluster.ready("web-1");
    const stream = await dial();
    for (let second = 0; second < 30; second++) await clock.advance(1000);
    expect(tunnels.status(target)?.phase).toBe("running");
    stream.conn.abort();
    for (let second = 0; second < 12; second++) await clock.advance(1000);
    expect(tunnels.status(target)?.phase).toBe("idle");
    await dial();
    expect(tunnels.status(target)?.phase).toBe("running");
    expect(events.filter((event) => event.type === "tunnel-phase").map((event) => event.phase)).toEqual([
      "starting",
      "running",
      "stopping",
      "idle",
      "starting",
      "running",
    ]);
  });

  test("counts parked connections as unused", async () => {
    const { cluster, clock, tunnels } = rig({ idleTimeoutMs: 10_000 });
    cluster.setPod("web-1", echo);
    cluster.ready("web-1");
    const link = await tunnels.dial(target, never);
    const stream = new Recorder(link.conn);
    link.park();
    for (let second = 0; second < 12; second++) await clock.advance(1000);
    expect(tunnels.status(target)?.phase).toBe("idle");
    await stream.untilClosed();
  });

  test("a link is not usable once its pod takes no new requests", async () => {
    const { cluster, tunnels } = rig();
    cluster.setPod("old", echo);
    cluster.setPod("new", echo);
    cluster.ready("old");
    const link = await tunnels.dial(target, never);
    expect(link.usable()).toBe(true);
    cluster.ready("new");
    expect(link.usable()).toBe(false);
  });

  test("does not count a connection twice that closed before it was parked", async () => {
    const { cluster, tunnels } = rig();
    cluster.setPod("web-1", echo);
    cluster.ready("web-1");
    const link = await tunnels.dial(target, never);
    link.conn.abort();
    link.park();
    expect(tunnels.status(target)?.openConnections).toBe(0);
    link.unpark();
    expect(tunnels.status(target)?.openConnections).toBe(0);
  });

  test("that is closed while a session is being opened gives no connection any more", async () => {
    const { cluster, tunnels } = rig();
    cluster.setPod("web-1", echo);
    cluster.ready("web-1");
    const opening = Promise.withResolvers<void>();
    const portForward = cluster.portForward.bind(cluster);
    cluster.portForward = (namespace, pod) => opening.promise.then(() => portForward(namespace, pod));
    const dialled = tunnels.dial(target, never).catch((error: KtError) => error.code);
    await settle();
    tunnels.retain(() => false);
    opening.resolve();
    expect(await dialled).toBe("shutting-down");
  });

  test("that no route wants any more is closed with its connections", async () => {
    const { cluster, dial, tunnels } = rig();
    cluster.setPod("web-1", echo);
    cluster.ready("web-1");
    const stream = await dial();
    tunnels.retain(() => false);
    await stream.untilClosed();
    // An error, so that a splice resets the client: after an orderly end it would go on to accept bytes.
    expect(stream.error?.code).toBe("shutting-down");
    expect(tunnels.all()).toEqual([]);
  });
});
