/** Jump pods against pods in memory: made once, shared, replaced when broken, marked as used, removed by the last who used them. */

import { beforeEach, describe, expect, test } from "bun:test";
import { KtError } from "#base/errors.ts";
import { sharedLimits } from "#base/limits.ts";
import { tunnelLimits } from "#tunnel/limits.ts";
import { silentLog } from "#base/log.ts";
import type { KnownPod } from "#kube/objects/known-pod.ts";
import type { PodState } from "#kube/objects/pod-state.ts";
import type { KtEvent } from "#observe/events.ts";
import type { JumpHost, JumpPodDefinition } from "#route/target.ts";
import { definitionText, isHeldByOthers, leaseOf } from "#tunnel/jump-pod/manifest.ts";
import type { JumpPodUser } from "#tunnel/jump-pod/start.ts";
import { JumpPods } from "#tunnel/jump-pod/pods.ts";
import { FakeCluster } from "#test/support/fake-cluster.ts";
import { ManualClock, settle } from "#test/support/manual-clock.ts";

const ann = { id: "aaaaaaaaaaaa", user: "ann@laptop" };
const bob = { id: "bbbbbbbbbbbb", user: "bob@tower" };
const definition: JumpPodDefinition = { image: "alpine/socat:1", command: undefined, timeoutMs: 60_000, ttlMs: 3_600_000 };
const coming: PodState = { kind: "coming", says: "is starting: ContainerCreating" };
const pulling: PodState = { kind: "stuck", says: 'is in ErrImagePull (no such host "registry")' };

let clock: ManualClock;
let cluster: FakeCluster;
let events: KtEvent[];
let users: JumpPodUser[];

beforeEach(() => {
  clock = new ManualClock();
  cluster = new FakeCluster();
  events = [];
  users = [{ profile: "shop", route: "5433", create: definition }];
});

function jumpPods(holder = ann, usersOf = (): JumpPodUser[] => users): JumpPods {
  return new JumpPods({ holder, usersOf, clock, log: silentLog, report: (event) => events.push(event) });
}

function via(create: JumpPodDefinition = definition, name = "kt-jump"): JumpHost {
  return { kind: "pod", namespace: "shop", name, container: undefined, method: "auto", create };
}

interface Outcome {
  value?: string;
  error?: KtError;
}

/** What becomes of it, without waiting. */
function outcome(promise: Promise<string>): Outcome {
  const seen: Outcome = {};
  promise.then(
    (value) => {
      seen.value = value;
    },
    (error: KtError) => {
      seen.error = error;
    },
  );
  return seen;
}

function ensure(pods: JumpPods, host = via(), signal = new AbortController().signal): Outcome {
  return outcome(pods.ensure(cluster, "shop", host, signal));
}

const changes = (): string[] => events.flatMap((event) => (event.type === "jump-pod" ? [event.change] : []));
const podNow = (): KnownPod | undefined => cluster.pods.pod("shop", "kt-jump");

/** Time in which everything that it sets in motion happens. */
async function pass(ms: number): Promise<void> {
  await settle();
  await clock.advance(ms);
}

/** A pod as kt makes it. */
function ours(change: Partial<KnownPod> = {}, create = definition): KnownPod {
  return cluster.pods.set("shop", "kt-jump", {
    labels: { "app.kubernetes.io/managed-by": "kt" },
    ...change,
    annotations: { "kt.dev/definition": definitionText(create), "kt.dev/made-by": "cleo@desk", ...change.annotations },
  });
}

describe("a jump pod", () => {
  test("is made once for many who ask at once, and says who and why", async () => {
    cluster.pods.becomes = () => ({ state: coming });
    const pods = jumpPods();
    const all = Array.from({ length: 20 }, () => ensure(pods));
    await pass(300);
    expect(cluster.pods.made.length).toBe(1);
    cluster.pods.set("shop", "kt-jump", { state: { kind: "ready" } });
    await pass(500);
    expect(new Set(all.map(({ value }) => value))).toEqual(new Set([podNow()?.uid]));
    expect(podNow()?.annotations).toMatchObject({ "kt.dev/made-by": "ann@laptop", "kt.dev/profile": "shop", "kt.dev/routes": "5433" });
    expect(changes()).toEqual(["made"]);
  });

  test("that is there already is used, marked and not made again", async () => {
    const { uid } = ours();
    const found = ensure(jumpPods());
    await settle();
    expect(found.value).toBe(uid);
    expect(cluster.pods.made).toEqual([]);
    expect(podNow()?.annotations[Object.keys(leaseOf(ann, 0))[0] ?? ""]).toBeDefined();
    expect(changes()).toEqual(["found"]);
  });

  test("made by a faster hub is taken as it is", async () => {
    cluster.pods.before = (verb) => {
      if (verb === "create" && !podNow()) ours();
    };
    const raced = ensure(jumpPods());
    await pass(200);
    expect(raced.value).toBe(podNow()?.uid as string);
    expect(cluster.pods.made).toEqual([]);
  });

  test("that was deleted is made again", async () => {
    const pods = jumpPods();
    ensure(pods);
    await pass(200);
    cluster.pods.delete("shop", "kt-jump");
    const again = ensure(pods);
    await pass(200);
    expect(cluster.pods.made.length).toBe(2);
    expect(again.value).toBe(podNow()?.uid as string);
  });

  test("that is being deleted is waited for, and made after it", async () => {
    ours({ terminating: true, state: { kind: "gone", says: "is terminating" } });
    const after = ensure(jumpPods());
    await pass(300);
    expect(cluster.pods.made).toEqual([]);
    cluster.pods.delete("shop", "kt-jump");
    await pass(2000);
    expect(after.value).toBe(podNow()?.uid as string);
  });

  test("goes on being made when the one who asked leaves", async () => {
    cluster.pods.becomes = () => ({ state: coming });
    const pods = jumpPods();
    const leaving = new AbortController();
    const left = ensure(pods, via(), leaving.signal);
    const stays = ensure(pods);
    await pass(100);
    leaving.abort(new KtError("connection-lost", "left"));
    cluster.pods.set("shop", "kt-jump", { state: { kind: "ready" } });
    await pass(500);
    expect([left.error?.code, stays.value]).toEqual(["connection-lost", podNow()?.uid as string]);
  });
});

describe("a broken one of ours", () => {
  test("that ended is replaced", async () => {
    ours({ ended: true, state: { kind: "gone", says: "has completed" } });
    const replaced = ensure(jumpPods());
    await pass(500);
    expect(replaced.value).toBe(podNow()?.uid as string);
    expect(changes()).toEqual(["replaced", "made"]);
  });

  test("that cannot start is replaced, once", async () => {
    ours({ state: pulling });
    cluster.pods.becomes = () => ({ state: pulling });
    const failed = ensure(jumpPods());
    await pass(tunnelLimits.jumpPodStuckMs + 3000);
    expect(failed.error).toMatchObject({ code: "no-ready-pod", message: expect.stringContaining('no such host "registry"') });
    expect(cluster.pods.made.length).toBe(1);
  });

  test("by another definition is replaced when it is not in use", async () => {
    ours({ annotations: leaseOf(bob, clock.wallMs() - 1) }, { ...definition, image: "other:1" });
    const replaced = ensure(jumpPods());
    await pass(500);
    expect(replaced.value).toBe(podNow()?.uid as string);
    expect(cluster.pods.made.length).toBe(1);
  });

  test("by another definition stays while it is in use, and its user is named", async () => {
    ours({ annotations: leaseOf(bob, clock.wallMs() + 60_000) }, { ...definition, image: "other:1" });
    const refused = ensure(jumpPods());
    await pass(500);
    expect(refused.error).toMatchObject({ code: "jump-pod-failed", message: expect.stringContaining("cleo@desk") });
    expect(cluster.pods.removed).toEqual([]);
  });

  test("by another definition stays when another route of this hub has it", async () => {
    const other = { ...definition, image: "other:1" };
    users = [...users, { profile: "team", route: "5440", create: other }];
    ours({}, other);
    const refused = ensure(jumpPods());
    await pass(500);
    expect(refused.error).toMatchObject({ code: "jump-pod-failed", message: expect.stringContaining('"5440"') });
  });
});

describe("a pod that kt did not make", () => {
  const label = { "app.kubernetes.io/managed-by": "kt" };
  const definedAsOurs = { "kt.dev/definition": definitionText(definition) };
  test.each([
    ["without a mark", {}],
    ["with kt's label alone", { labels: label }],
    ["with kt's definition alone", { annotations: definedAsOurs }],
    ["that a controller made from a copy", { labels: label, annotations: definedAsOurs, owner: "ReplicaSet" }],
    ["that is not ready", { state: pulling }],
    ["that has ended", { ended: true, state: { kind: "gone", says: "has completed" } }],
  ] as const)("%s is refused with words, not marked, and not removed", async (_, change) => {
    const { uid, annotations } = cluster.pods.set("shop", "kt-jump", change);
    const pods = jumpPods();
    const refused = ensure(pods);
    await settle();
    expect(refused.error).toMatchObject({
      code: "jump-pod-failed",
      message: 'the jump pod "shop/kt-jump" is there and was not made by kt, so it is neither used nor replaced',
      hints: expect.arrayContaining(['to use that pod as it is, write via = "pod/kt-jump" without create']),
    });
    users = [];
    pods.retain();
    await pods.close();
    expect(podNow()).toMatchObject({ uid, annotations });
    expect(new Set(cluster.pods.asked)).toEqual(new Set(["get"]));
  });
});

describe("a pod that does not come", () => {
  test("gives its own reason, is removed, and is not made again at once", async () => {
    cluster.pods.becomes = () => ({ state: pulling });
    const pods = jumpPods();
    const failed = ensure(pods);
    await pass(tunnelLimits.jumpPodStuckMs + 2000);
    expect(failed.error).toMatchObject({ code: "no-ready-pod", hints: [expect.stringContaining("kubectl get events")] });
    expect(podNow()).toBeUndefined();
    for (let tries = 0; tries < 10; tries++) ensure(pods);
    const again = ensure(pods);
    await settle();
    expect(again.error).toBe(failed.error as KtError);
    expect(cluster.pods.made.length).toBe(1);
    cluster.pods.becomes = () => ({});
    await pass(tunnelLimits.jumpPodRetryMs);
    const later = ensure(pods);
    await pass(200);
    expect(later.value).toBe(podNow()?.uid as string);
  });

  test("is given all its time while it is on its way, and is then left to come", async () => {
    cluster.pods.becomes = () => ({ state: coming });
    const failed = ensure(jumpPods());
    await pass(definition.timeoutMs - 1000);
    expect(failed.error).toBeUndefined();
    await pass(2000);
    expect(failed.error).toMatchObject({
      code: "start-timeout",
      message: 'the jump pod "shop/kt-jump" is not ready within 60 s: it is starting: ContainerCreating',
    });
    expect(podNow()).toBeDefined();
  });

  test("is waited for where no node takes it yet, and removed when none does", async () => {
    cluster.pods.becomes = () => ({ unschedulable: true, state: { kind: "stuck", says: "is unschedulable (0/1 nodes are available)" } });
    const failed = ensure(jumpPods());
    await pass(definition.timeoutMs - 1000);
    expect(failed.error).toBeUndefined();
    await pass(2000);
    expect(failed.error?.message).toContain("0/1 nodes are available");
    expect(podNow()).toBeUndefined();
  });

  test("that ends at once says how", async () => {
    cluster.pods.becomes = () => ({
      ended: true,
      state: { kind: "gone", says: "has failed" },
      reason: "its container ended with exit code 127",
    });
    const failed = ensure(jumpPods());
    await pass(500);
    expect(failed.error?.message).toBe('the jump pod "shop/kt-jump" has failed (its container ended with exit code 127)');
    expect(cluster.pods.made.length).toBe(1);
  });

  test("for long is not made again and again: one that failed soon after it was ready gives its reason", async () => {
    const pods = jumpPods();
    ensure(pods);
    await pass(200);
    const fail = (exitCode: number): KnownPod =>
      cluster.pods.set("shop", "kt-jump", {
        ended: true,
        exitCode,
        state: coming,
        reason: `its container ended with exit code ${exitCode}`,
      });
    fail(127);
    const failed = ensure(pods);
    await pass(200);
    expect(failed.error?.message).toBe('the jump pod "shop/kt-jump" has ended (its container ended with exit code 127)');
    expect([podNow(), cluster.pods.made.length]).toEqual([undefined, 1]);
    await pass(tunnelLimits.jumpPodRetryMs);
    ensure(pods);
    await pass(200);
    fail(0);
    const again = ensure(pods);
    await pass(500);
    expect([again.value, cluster.pods.made.length]).toEqual([podNow()?.uid as string, 3]);
  });

  test("because its image has no shell is made anew without the script", async () => {
    const noShell = { reason: 'exec: "/bin/sh": stat /bin/sh: no such file or directory' };
    cluster.pods.becomes = () =>
      cluster.pods.made.length === 0 ? { ended: true, state: { kind: "gone", says: "has failed" }, ...noShell } : {};
    const plain = ensure(jumpPods());
    await pass(1000);
    expect(plain.value).toBe(podNow()?.uid as string);
    expect(cluster.pods.made[1]).toMatchObject({ spec: { activeDeadlineSeconds: 3600, containers: [{ image: "alpine/socat:1" }] } });
    expect(JSON.stringify(cluster.pods.made[1])).not.toContain('"-c"');
  });

  test("because the cluster does not take it says why, and so does a missing permission", async () => {
    const refusal = new KtError("jump-pod-failed", 'the cluster does not take the pod "shop/kt-jump": exceeded quota');
    cluster.pods.becomes = () => refusal;
    const refused = ensure(jumpPods());
    await pass(200);
    expect(refused.error).toBe(refusal);
    cluster.pods.denied.add("create");
    const denied = ensure(jumpPods());
    await pass(200);
    expect(denied.error).toMatchObject({ code: "forbidden", message: "not allowed to create pods" });
  });

  test("is asked for again at once when only the way to the cluster was broken", async () => {
    let down = true;
    cluster.pods.before = () => {
      if (down) throw new KtError("cluster-unreachable", "no route to host");
    };
    const pods = jumpPods();
    const failed = ensure(pods);
    await settle();
    expect(failed.error?.code).toBe("cluster-unreachable");
    down = false;
    const again = ensure(pods);
    await pass(200);
    expect(again.value).toBeDefined();
  });
});

describe("the end", () => {
  test("comes with the last route, and a later use makes the pod anew", async () => {
    const pods = jumpPods();
    ensure(pods);
    await pass(200);
    pods.retain();
    await settle();
    expect(podNow()).toBeDefined();
    users = [];
    pods.retain();
    users = [{ profile: "shop", route: "5433", create: definition }];
    const again = ensure(pods);
    await pass(200);
    expect(cluster.pods.removed).toEqual([{ uid: expect.any(String), graceSeconds: 1 }]);
    expect(changes()).toEqual(["made", "removed", "made"]);
    expect(again.value).toBe(podNow()?.uid as string);
  });

  test("is also that of a connection that waited for another pod, when the route has gone", async () => {
    const pods = jumpPods();
    ensure(pods);
    await pass(200);
    users = [];
    pods.retain();
    const again = ensure(pods);
    await pass(200);
    expect(again.error?.code).toBe("shutting-down");
    expect(changes()).toEqual(["made", "removed"]);
    expect(podNow()).toBeUndefined();
  });

  test("of one hub leaves the pod to another, and the last one removes it", async () => {
    const [anns, bobs] = [jumpPods(ann), jumpPods(bob)];
    ensure(anns);
    await pass(200);
    ensure(bobs);
    await settle();
    await anns.close();
    expect(isHeldByOthers(podNow() as KnownPod, ann, clock.wallMs())).toBe(true);
    expect(isHeldByOthers(podNow() as KnownPod, bob, clock.wallMs())).toBe(false);
    await bobs.close();
    expect(podNow()).toBeUndefined();
    expect(changes()).toEqual(["made", "found", "left", "removed"]);
  });

  test("does not wait for a hub that was killed longer than its mark lasts", async () => {
    ensure(jumpPods(bob));
    const anns = jumpPods(ann);
    await pass(200);
    ensure(anns);
    await settle();
    cluster.pods.set("shop", "kt-jump", { annotations: { ...podNow()?.annotations, ...leaseOf(bob, clock.wallMs() + 1000) } });
    await pass(1001);
    await anns.close();
    expect(podNow()).toBeUndefined();
  });

  test("after a restart knows the mark of the hub before as its own", async () => {
    ensure(jumpPods(ann));
    await pass(200);
    const restarted = jumpPods(ann);
    const found = ensure(restarted);
    await settle();
    expect(found.value).toBe(podNow()?.uid as string);
    expect(cluster.pods.made.length).toBe(1);
    await restarted.close();
    expect(podNow()).toBeUndefined();
  });

  test("waits for a hub that begins to use the pod at that moment", async () => {
    const pods = jumpPods();
    ensure(pods);
    await pass(200);
    cluster.pods.before = (verb) => {
      if (verb !== "delete") return;
      cluster.pods.before = () => {};
      cluster.pods.set("shop", "kt-jump", { annotations: { ...podNow()?.annotations, ...leaseOf(bob, clock.wallMs() + 60_000) } });
    };
    await pods.close();
    expect(podNow()).toBeDefined();
    expect(changes()).toEqual(["made", "left"]);
  });

  test("also comes to a pod that is still starting", async () => {
    cluster.pods.becomes = () => ({ state: coming });
    const pods = jumpPods();
    const cut = ensure(pods);
    await pass(200);
    await pods.close();
    expect(cut.error?.code).toBe("shutting-down");
    expect(podNow()).toBeUndefined();
  });

  test("without the permission is said once, and the pod is left to its own end", async () => {
    cluster.pods.denied.add("delete");
    const pods = jumpPods();
    ensure(pods);
    await pass(200);
    await pods.close();
    expect(events.at(-1)).toMatchObject({ type: "jump-pod", change: "kept", problem: { code: "forbidden" } });
  });

  test("comes from the maker where marking is not allowed, not from others", async () => {
    cluster.pods.denied.add("patch");
    const [anns, bobs] = [jumpPods(ann), jumpPods(bob)];
    ensure(anns);
    await pass(200);
    const found = ensure(bobs);
    await settle();
    expect(found.value).toBeDefined();
    await bobs.close();
    expect(podNow()).toBeDefined();
    await anns.close();
    expect(podNow()).toBeUndefined();
  });

  test("does not delay a hub whose cluster is silent", async () => {
    const pods = jumpPods();
    ensure(pods);
    await pass(200);
    const silence = new Promise<never>(() => {});
    cluster.pods.get = () => silence;
    let closed = false;
    void pods.close().then(() => {
      closed = true;
    });
    await pass(sharedLimits.drainMs);
    expect(closed).toBe(true);
  });

  test("asks for nothing where no pod was needed", async () => {
    await jumpPods().close();
    expect(cluster.pods.asked).toEqual([]);
  });
});

describe("the mark", () => {
  test("is renewed in time, for as long as a route goes over the pod", async () => {
    const pods = jumpPods();
    ensure(pods);
    await pass(200);
    for (let minutes = 0; minutes < 10; minutes++) {
      await pass(tunnelLimits.jumpPodLeaseMs);
      expect(isHeldByOthers(podNow() as KnownPod, bob, clock.wallMs())).toBe(true);
    }
    await pods.close();
    const { length } = cluster.pods.asked;
    await pass(10 * tunnelLimits.jumpPodLeaseMs);
    expect(cluster.pods.asked.length).toBe(length);
  });

  test("is not put on another pod of that name, and what ended is cleared away", async () => {
    const pods = jumpPods();
    ensure(pods);
    await pass(200);
    cluster.pods.set("shop", "kt-jump", { uid: "of-another", annotations: {} });
    await pass(3 * tunnelLimits.jumpPodLeaseMs);
    expect(podNow()?.annotations).toEqual({});
    cluster.pods.delete("shop", "kt-jump");
    ensure(pods);
    await pass(200);
    cluster.pods.set("shop", "kt-jump", { ended: true, state: { kind: "gone", says: "has completed" } });
    await pass(tunnelLimits.jumpPodLeaseMs);
    expect(podNow()).toBeUndefined();
  });
});
