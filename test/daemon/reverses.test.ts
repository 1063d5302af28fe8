/** The [[reverse]]s of attached profiles: which services there are, whose they are, and where their connections go. */

import { afterEach, expect, test } from "bun:test";
import type { RouteAction } from "#control/api.ts";
import { silentLog } from "#base/log.ts";
import type { AttachedProfile } from "#daemon/plans/profiles.ts";
import { reverseKey, Reverses } from "#daemon/plans/reverses.ts";
import type { KtEvent } from "#observe/events.ts";
import type { ReverseRoute } from "#proxy/reverse-door.ts";
import { FakeCluster } from "#test/support/fake-cluster.ts";
import { ManualClock } from "#test/support/manual-clock.ts";
import { planOf } from "./plans.ts";
import { relayPod } from "#test/support/relay-pod.ts";
import { eventually } from "#test/support/wait.ts";

const closing: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0)) await close();
});

const relay = '[relay]\nimage = "kt:1"\n';
const table = (service: string, port: number): string => `[[reverse]]\nservice = "${service}"\nlocal = "127.0.0.1:${port}"\n`;

async function attached(profile: string, text: string): Promise<AttachedProfile> {
  const plan = await planOf(profile, text);
  return { plan, environment: {}, pinned: false, leases: new Set(), problem: undefined, warnings: [], settings: [] };
}

/** Whether a promise is fulfilled by now. */
function settled(work: Promise<void>): { isOver: boolean } {
  const state = { isOver: false };
  void work.then(() => (state.isOver = true));
  return state;
}

function rig() {
  const cluster = new FakeCluster();
  const clock = new ManualClock();
  const newRelay = (name: string) => {
    const { server } = relayPod(cluster, name, clock);
    cluster.ready(name);
    return server;
  };
  const server = newRelay("relay-1");
  const served: ReverseRoute[] = [];
  const events: KtEvent[] = [];
  const changed: string[] = [];
  const reverses = new Reverses({
    prepare: async () => {},
    clusterFor: () => cluster,
    holder: { id: "hub", user: "ann@box" },
    door: {
      accept(caller, route) {
        served.push(route);
        caller.accept();
      },
      drain: async () => {},
    },
    clock,
    log: silentLog,
    report: (event) => void events.push(event),
    onChange: (key) => void changed.push(key),
  });
  const until = async (what: string, look: () => boolean | undefined): Promise<void> => {
    const goOn = async (): Promise<boolean | undefined> => {
      await clock.advance(100);
      return look();
    };
    await eventually(what, goOn, 20_000, 1);
  };
  const apply = async (...profiles: readonly AttachedProfile[]): Promise<void> => {
    reverses.apply(profiles);
    await reverses.settle();
  };
  closing.push(async () => {
    let isOver = false;
    void reverses.close().then(() => (isOver = true));
    await until("its end", () => isOver);
  });
  const standings = ({ plan }: AttachedProfile) => plan.reverses.map((each) => reverses.standing(plan.profile, each));
  const running = (profile: AttachedProfile): Promise<void> =>
    until("the services to lead here", () => standings(profile).every(({ state }) => state === "running"));
  return { cluster, server, newRelay, reverses, served, events, changed, until, apply, standings, running };
}

test("all ports of a service are one service with one relay, and each leads to its own place", async () => {
  const { cluster, server, served, apply, running, until, events, changed } = rig();
  const profile = await attached("/p/tunnels.toml", relay + table("shop/api:80", 3000) + table("shop/api:443", 3001));
  await apply(profile);
  await running(profile);
  expect(cluster.jobs.made).toHaveLength(1);
  for (const port of [443, 80]) server.openToUser(port, "10.0.0.7");
  await until("both connections", () => served.length === 2);
  expect(served.map(({ route, local }) => [route, local[0]?.port])).toEqual([
    ["shop/api:443", 3001],
    ["shop/api:80", 3000],
  ]);
  expect(events).toContainEqual(expect.objectContaining({ type: "reverse", route: "shop/api:80", change: "running", pod: "relay-1" }));
  expect(changed).toContain(reverseKey("/p/tunnels.toml", "shop/api:80"));
});

test("a port that no table names is refused", async () => {
  const { server, served, apply, running, until } = rig();
  const profile = await attached("/p/tunnels.toml", relay + table("shop/api:80", 3000));
  await apply(profile);
  await running(profile);
  const closed: (string | undefined)[] = [];
  server.openToUser(22, "10.0.0.7")?.start({ onData() {}, onEnd() {}, onDrain() {}, onClose: (error) => void closed.push(error?.message) });
  await until("the refusal", () => closed.length === 1);
  expect(closed).toEqual(["nothing is served here"]);
  expect(served).toEqual([]);
});

test("another local port counts for the next connection, and nothing is made anew for it", async () => {
  const { cluster, server, served, apply, running, until } = rig();
  const before = await attached("/p/tunnels.toml", relay + table("shop/api:80", 3000));
  await apply(before);
  await running(before);
  await apply(await attached("/p/tunnels.toml", relay + table("shop/api:80", 4000)));
  server.openToUser(80, "10.0.0.7");
  await until("the connection", () => served.length === 1);
  expect(served[0]?.local[0]?.port).toBe(4000);
  expect(cluster.jobs.made).toHaveLength(1);
});

test("a service whose table or profile is gone is removed, and the other stays", async () => {
  const { cluster, apply, running, until } = rig();
  const both = await attached("/p/tunnels.toml", relay + table("shop/api:80", 3000) + table("shop/hooks:80", 3001));
  await apply(both);
  await running(both);
  await apply(await attached("/p/tunnels.toml", relay + table("shop/hooks:80", 3001)));
  await until("one to be removed", () => cluster.services.raw("shop", "api") === undefined);
  expect(cluster.services.raw("shop", "hooks")).toBeDefined();
  await apply();
  await until("both to be removed", () => cluster.services.raw("shop", "hooks") === undefined);
});

test("a service that two profiles claim is the first one's", async () => {
  const { apply, running, standings } = rig();
  const [first, second] = [
    await attached("/a/tunnels.toml", relay + table("shop/api:80", 3000)),
    await attached("/b/tunnels.toml", relay + table("shop/api:80", 3001)),
  ];
  await apply(first, second);
  await running(first);
  const [standing] = standings(second);
  expect(standing).toMatchObject({
    state: "failed",
    problem: { code: "route-conflict", message: 'the service "shop/api" is already claimed by profile "a" (/a/tunnels.toml)' },
  });
});

test("a stopped service is removed with all its ports until it is started again, which waits until it leads here", async () => {
  const { cluster, newRelay, reverses, apply, running, standings, until, changed } = rig();
  const profile = await attached("/p/tunnels.toml", relay + table("shop/api:80", 3000) + table("shop/api:443", 3001));
  await apply(profile);
  await running(profile);
  const act = (action: RouteAction, route: string): Promise<void> => {
    const planned = reverses.planned("/p/tunnels.toml", route);
    if (!planned) throw new Error(`${route} is not planned`);
    return reverses.act(action, "/p/tunnels.toml", planned, new AbortController().signal);
  };
  changed.length = 0;
  const ended = settled(act("stop", "shop/api:443"));
  await until("the stop", () => ended.isOver);
  expect(cluster.services.raw("shop", "api")).toBeUndefined();
  expect(standings(profile)).toEqual([{ state: "stopped" }, { state: "stopped" }]);
  expect(changed).toEqual(expect.arrayContaining(["shop/api:80", "shop/api:443"].map((name) => reverseKey("/p/tunnels.toml", name))));
  await apply(profile);
  expect(standings(profile)).toEqual([{ state: "stopped" }, { state: "stopped" }]);
  newRelay("relay-2");
  const started = settled(act("start", "shop/api:80"));
  await until("the start", () => started.isOver);
  expect(standings(profile).map(({ state }) => state)).toEqual(["running", "running"]);
  expect(cluster.services.raw("shop", "api")).toBeDefined();
});

test("a reconnect makes the service and its relay anew", async () => {
  const { cluster, newRelay, reverses, apply, running, standings, until } = rig();
  const profile = await attached("/p/tunnels.toml", relay + table("shop/api:80", 3000));
  await apply(profile);
  await running(profile);
  const [planned] = profile.plan.reverses;
  if (!planned) throw new Error("it is not planned");
  const done = settled(reverses.act("reconnect", "/p/tunnels.toml", planned, new AbortController().signal));
  cluster.ready();
  await until("another relay to be wanted", () => cluster.jobs.made.length === 2);
  newRelay("relay-2");
  await until("the reconnect", () => done.isOver);
  expect(standings(profile)).toMatchObject([{ state: "running", pod: "relay-2" }]);
  expect(cluster.jobs.made).toHaveLength(2);
  const { metadata } = cluster.jobs.made[1] ?? {};
  expect(reverses.relayPods("/p/tunnels.toml", planned)).toMatchObject({ kind: "job", namespace: "shop", name: metadata?.name });
});

test("a start that cannot be says why, and one that was given up ends", async () => {
  const { reverses, apply, standings } = rig();
  const profile = await attached("/p/tunnels.toml", table("shop/api:80", 3000));
  await apply(profile);
  const [planned] = profile.plan.reverses;
  if (!planned) throw new Error("it is not planned");
  const act = (action: RouteAction, signal = new AbortController().signal): Promise<void> =>
    reverses.act(action, "/p/tunnels.toml", planned, signal);
  await act("stop");
  expect(standings(profile)).toEqual([{ state: "stopped" }]);
  await expect(act("start")).rejects.toMatchObject({ message: "a [[reverse]] needs the relay, which has no image in this profile" });
  await expect(act("start", AbortSignal.abort(new Error("given up")))).rejects.toThrow("given up");
  expect(() => reverses.relayPods("/p/tunnels.toml", planned)).toThrow("does not lead here, and has no relay");
});

test("a profile without an image of the relay says so, and makes nothing", async () => {
  const { cluster, apply, standings } = rig();
  const profile = await attached("/p/tunnels.toml", table("shop/api:80", 3000));
  await apply(profile);
  expect(standings(profile)[0]).toMatchObject({
    problem: { message: "a [[reverse]] needs the relay, which has no image in this profile" },
  });
  expect(cluster.jobs.made).toEqual([]);
});
