/** Targets that only patterns and dynamic names lead to: what is not there leaves nothing, and the rest is bounded. */

import { serviceTarget } from "#test/support/service-target.ts";
import { describe, expect, test } from "bun:test";
import type { ErrorCode } from "#base/error-facts.ts";
import { KtError } from "#base/errors.ts";
import { tunnelLimits } from "#tunnel/limits.ts";
import { silentLog } from "#base/log.ts";
import type { FollowRequest } from "#kube/objects/types.ts";
import { type Target, targetKey } from "#route/target.ts";
import { echo, FakeCluster } from "#test/support/fake-cluster.ts";
import { ManualClock } from "#test/support/manual-clock.ts";
import { Tunnels } from "#tunnel/tunnels.ts";

const never = new AbortController().signal;
const web = serviceTarget("web");

class WatchedCluster extends FakeCluster {
  readonly requests: FollowRequest[] = [];
  closed = 0;

  override follow(request: FollowRequest, onChange: Parameters<FakeCluster["follow"]>[1]): ReturnType<FakeCluster["follow"]> {
    this.requests.push(request);
    const following = super.follow(request, onChange);
    return {
      current: () => following.current(),
      refresh: () => following.refresh(),
      close: () => {
        this.closed += 1;
        following.close();
      },
    };
  }
}

function rig(named: readonly Target[] = [], idleTimeoutMs = 60_000) {
  const cluster = new WatchedCluster();
  const clock = new ManualClock();
  const keys = new Set(named.map(targetKey));
  const tunnels = new Tunnels({
    clusterFor: () => cluster,
    timeoutsFor: () => ({ idleTimeoutMs, startTimeoutMs: 2000 }),
    isNamed: (key) => keys.has(key),
    clock,
    log: silentLog,
    report: () => {},
  });
  const absent = (code: ErrorCode = "service-not-found"): void =>
    cluster.resolve({ kind: "none", problem: new KtError(code, "it is not there") });
  return { cluster, clock, tunnels, absent };
}

describe("a guess that leads nowhere", () => {
  test("is followed as a guess, and not any more once that is known", async () => {
    const { cluster, tunnels, absent } = rig();
    absent();
    await expect(tunnels.dial(web, never)).rejects.toMatchObject({ code: "service-not-found" });
    expect([cluster.requests[0]?.isGuess, cluster.closed, tunnels.status(web), tunnels.all()]).toEqual([true, 1, undefined, []]);
  });

  test("is answered from memory for a moment, then asked for again", async () => {
    const { cluster, clock, tunnels, absent } = rig();
    absent();
    for (let round = 0; round < 5; round++) await expect(tunnels.dial(web, never)).rejects.toMatchObject({ code: "service-not-found" });
    expect(cluster.follows).toBe(1);
    await clock.advance(tunnelLimits.absentTargetMs);
    cluster.setPod("web-1", echo);
    cluster.ready("web-1");
    expect((await tunnels.dial(web, never)).pod).toBe("web-1");
  });

  test.each(["forbidden", "cluster-unreachable", "credentials-failed"] as const)("because of %s leaves nothing either", async (code) => {
    const { tunnels, cluster } = rig();
    cluster.resolve({ kind: "failed", problem: new KtError(code, "it cannot be known") });
    const dialled = tunnels.dial(web, AbortSignal.abort(new KtError(code, "it cannot be known")));
    await expect(dialled).rejects.toMatchObject({ code });
    expect(tunnels.all()).toEqual([]);
  });

  test("goes with the last of those who wait", async () => {
    const { tunnels, absent } = rig();
    const dials = [tunnels.dial(web, never), tunnels.dial(web, never)].map((dial) => dial.catch((error: KtError) => error.code));
    absent();
    expect(await Promise.all(dials)).toEqual(["service-not-found", "service-not-found"]);
    expect(tunnels.all()).toEqual([]);
  });
});

test("what a profile names is followed on though it is not there", async () => {
  const { cluster, tunnels, absent } = rig([web]);
  absent();
  await expect(tunnels.dial(web, never)).rejects.toMatchObject({ code: "service-not-found" });
  expect([cluster.requests[0]?.isGuess, tunnels.status(web)?.standing.state]).toEqual([false, "failed"]);
  cluster.ready("web-1");
  expect(tunnels.status(web)?.standing.state).toBe("running");
});

describe("guesses that lead somewhere", () => {
  test("are followed in bounded number: the least recently used one at rest goes", async () => {
    const { cluster, clock, tunnels } = rig();
    cluster.setPod("pod", echo);
    cluster.ready("pod");
    const held = await tunnels.dial(serviceTarget("held"), never);
    for (let index = 0; index < tunnelLimits.guessedTunnels + 10; index++) {
      await clock.advance(1);
      (await tunnels.dial(serviceTarget(`s${index}`), never)).conn.abort();
    }
    expect(tunnels.all().length).toBe(tunnelLimits.guessedTunnels);
    expect(tunnels.status(serviceTarget("s0"))).toBeUndefined();
    expect(tunnels.status(serviceTarget("held"))?.openConnections).toBe(1);
    held.conn.abort();
  });

  test("are refused where all of them are in use", async () => {
    const { cluster, tunnels } = rig();
    cluster.setPod("pod", echo);
    cluster.ready("pod");
    for (let index = 0; index < tunnelLimits.guessedTunnels; index++) await tunnels.dial(serviceTarget(`s${index}`), never);
    await expect(tunnels.dial(web, never)).rejects.toMatchObject({ code: "overloaded" });
  });

  test("are forgotten after a minute when no pod came", async () => {
    const { clock, tunnels, absent } = rig([], 3_600_000);
    absent("no-ready-pod");
    const dialled = tunnels.dial(web, never).catch((error: KtError) => error.code);
    await clock.advance(tunnelLimits.noPodAnswerMs);
    expect([await dialled, tunnels.status(web)?.standing.state]).toEqual(["no-ready-pod", "failed"]);
    await clock.advance(tunnelLimits.guessPatienceMs);
    expect(tunnels.all()).toEqual([]);
  });

  test("are forgotten once idle", async () => {
    const { cluster, clock, tunnels } = rig();
    cluster.setPod("pod", echo);
    cluster.ready("pod");
    (await tunnels.dial(web, never)).conn.abort();
    await clock.advance(62_000);
    expect(tunnels.all()).toEqual([]);
  });
});
