/** What clients know of the status is what is true, however slowly they read; and while nothing changes, nothing is read. */

import { expect, test } from "bun:test";
import fc from "fast-check";
import type { Reply } from "#control/api.ts";
import { controlLimits } from "#control/limits.ts";
import type { ControlSession } from "#control/server.ts";
import { StatusView } from "#control/status-view.ts";
import type { ListenerState } from "#daemon/listening/listeners.ts";
import { wantedBy } from "#daemon/listening/reconcile.ts";
import { namesIn } from "#daemon/listening/wanted.ts";
import { daemonLimits } from "#daemon/limits.ts";
import { StatusBoard } from "#daemon/status/board.ts";
import { StatusFeed } from "#daemon/status/feed.ts";
import type { Running } from "#daemon/status/plan-view.ts";
import type { AttachedProfile } from "#daemon/plans/profiles.ts";
import { CounterTable } from "#observe/counters.ts";
import type { Plan } from "#profile/values/plan.ts";
import { portsOf } from "#profile/values/planned.ts";
import { isInCluster, type Target, targetKey } from "#route/target.ts";
import type { Standing } from "#tunnel/standing.ts";
import { ManualClock } from "#test/support/manual-clock.ts";
import { noForwards, planOf } from "./plans.ts";

const problem = { code: "no-ready-pod", message: "none is ready", hints: [], sinceMs: 5 } as const;
const taken = { code: "port-taken", message: "it is taken", hints: [] } as const;
const standings: Standing[] = [
  { state: "starting", problem: undefined },
  { state: "running", pod: "a", pods: ["a", "b"], sinceMs: 1 },
  { state: "failed", problem, pods: [] },
];

/** Everything that the status is read from, to be changed by tests as the hub's rooms do. */
class World implements Running {
  readonly attached: AttachedProfile[] = [];
  readonly standings = new Map<string, Standing>();
  readonly listeners = new Map<string, ListenerState>();
  readonly counters = new CounterTable();
  context: string | undefined;
  contextProblem: typeof problem | undefined;
  overload: typeof problem | undefined;
  /** How often a tunnel was looked at: once for each route that is read. */
  looks = 0;

  readonly profiles = (): AttachedProfile[] => this.attached;
  readonly wanted = () => wantedBy(this.attached.map(({ plan }) => plan));
  readonly listener = (address: string): ListenerState =>
    this.listeners.get(address) ?? { port: Number(address.split(":").at(-1)), problem: undefined, isOptional: false };
  readonly tunnel = (target: Target) => {
    this.looks += 1;
    const standing = this.standings.get(targetKey(target));
    return standing && { key: "", target, phase: "running" as const, standing, sessions: 0, openConnections: 0, health: undefined };
  };
  readonly stopped = new Set<string>();
  readonly isStopped = (target: Target): boolean => this.stopped.has(targetKey(target));
  readonly contexts = {
    of: () => this.contextProblem,
    all: () => (this.contextProblem ? [this.contextProblem] : []),
  };
  readonly nowSeconds = (): number => 0;
  readonly contextOf = (): string | undefined => this.context;
  readonly forwards = () => noForwards;
  readonly reverse = (): Standing => ({ state: "idle" });
  readonly hub = () => ({
    protocol: 1,
    version: "1",
    commit: "c",
    pid: 1,
    startedAtMs: 0,
    problem: this.overload && { ...this.overload, hints: [] },
  });
}

function profileOf(plan: Plan): AttachedProfile {
  return { plan, environment: {}, pinned: true, leases: new Set(), problem: undefined, warnings: [], settings: [] };
}

/** A client, with a socket that takes so many messages before it is behind. */
class Client implements ControlSession {
  readonly view = new StatusView();
  readonly #gone: (() => void)[] = [];
  readonly #drained = new Set<() => void>();
  room = Number.POSITIVE_INFINITY;
  messages = 0;
  isComplete = false;
  isAtEnd = false;

  readonly send = (reply: Reply): void => {
    if (reply.type === "end") this.isAtEnd = true;
    if (reply.type !== "changes") return;
    this.messages += 1;
    this.room -= 1;
    this.isComplete = reply.isComplete;
    this.view.apply(reply);
  };

  /** Reads what waits, and makes room for so many more. */
  read(messages: number): void {
    this.room = messages;
    for (const callback of this.#drained) callback();
  }

  leave(): void {
    for (const callback of this.#gone) callback();
  }

  notify(): void {}
  end(): void {}
  busy(): boolean {
    return this.room <= 0;
  }
  onGone(callback: () => void): void {
    this.#gone.push(callback);
  }
  whenDrained(callback: () => void): () => void {
    this.#drained.add(callback);
    return () => this.#drained.delete(callback);
  }
}

function rig() {
  const world = new World();
  const clock = new ManualClock();
  const board = new StatusBoard(world);
  const feed = new StatusFeed(board, clock);
  const attach = (...plans: Plan[]): void => {
    world.attached.splice(0, world.attached.length, ...plans.map(profileOf));
    board.apply(world.attached);
  };
  const watch = (): Client => {
    const client = new Client();
    feed.watch(client, client.send);
    return client;
  };
  return { world, clock, board, feed, attach, watch };
}

/** What a board says that begins with what is true now. */
function truth(world: World) {
  // Counters list each change once, for the one board of the hub.
  const onChange = world.counters.onChange;
  const fresh = new StatusBoard(world);
  fresh.apply(world.attached);
  const profiles = fresh.profiles();
  world.counters.onChange = onChange;
  return { hub: world.hub(), profiles };
}

const shop = `name = "shop"
[http]
listen = ["127.0.0.1:8989"]
[routes]
"a.localhost" = "svc/a:80"
"b.localhost" = "svc/a:80"
[[patterns]]
host = "{service}.x.localhost"
target = "svc/{service}:80"
[tcp]
5432 = "svc/db:5432"
`;
const plans = [
  await planOf("/p/tunnels.toml", shop),
  await planOf("/p/tunnels.toml", shop.replace('"b.localhost"', '"c.localhost"')),
  await planOf("/q/tunnels.toml", shop.replace('name = "shop"', 'name = "other"')),
];
const [first, second, other] = plans as [Plan, Plan, Plan];
const dynamicNames = ["d-80.svc.ns.k8s.localhost", "e-80.svc.ns.k8s.localhost"];
const attachings: Plan[][] = [[], [first], [second], [first, other], [other]];

const index = (below: number) => fc.integer({ min: 0, max: below - 1 });
const action = fc.oneof(
  fc.record({ do: fc.constant("attach" as const), which: index(attachings.length) }),
  fc.record({ do: fc.constant("tunnel" as const), which: index(6), standing: fc.option(index(3)) }),
  fc.record({ do: fc.constant("count" as const), which: index(6), how: index(4) }),
  fc.record({ do: fc.constant("listener" as const), which: index(3), isTaken: fc.boolean() }),
  fc.record({ do: fc.constant("context" as const), name: fc.constantFrom("dev", "prod"), isMissing: fc.boolean() }),
  fc.record({ do: fc.constant("overload" as const), is: fc.boolean() }),
  fc.record({ do: fc.constant("read" as const), messages: index(3) }),
  fc.record({ do: fc.constant("look" as const) }),
);
type Action = typeof action extends fc.Arbitrary<infer Each> ? Each : never;

const countedNames = ["a.localhost", "b.localhost", "{service}.x.localhost", "5432", ...dynamicNames];

/** The targets of the first profile's routes, and of the dynamic names. */
function targetsOf(world: World): (Target | undefined)[] {
  const { plan } = world.attached[0] ?? {};
  const table = namesIn(world.wanted())[0]?.leadsTo;
  const dynamic = dynamicNames.map((name) => {
    const found = table?.lookup(name);
    return found?.kind === "found" && isInCluster(found.target) ? found.target : undefined;
  });
  return [...(plan?.routes ?? []).map(({ target }) => target), ...(plan ? portsOf(plan) : []).map(({ target }) => target), ...dynamic];
}

type Rig = ReturnType<typeof rig>;
type Doing<Name extends Action["do"]> = Extract<Action, { do: Name }>;

/** Each changes the world and says so, as the hub does. */
const acts = {
  attach({ world, attach }: Rig, { which }: Doing<"attach">): void {
    const previous = world.attached.map(({ plan }) => plan.profile);
    const plans = attachings[which] ?? [];
    for (const profile of previous) if (!plans.some((plan) => plan.profile === profile)) world.counters.forget(profile);
    attach(...plans);
  },
  tunnel({ world, board }: Rig, { which, standing }: Doing<"tunnel">): void {
    const target = targetsOf(world)[which];
    if (!target) return;
    const next = standing === null ? undefined : standings[standing];
    if (next) world.standings.set(targetKey(target), next);
    else world.standings.delete(targetKey(target));
    board.tunnelChanged(targetKey(target));
  },
  count({ world }: Rig, { which, how }: Doing<"count">): void {
    const profile = world.attached[0]?.plan.profile;
    const name = countedNames[which] ?? "";
    if (profile === undefined) return;
    const counters = world.counters.of(profile, name, dynamicNames.includes(name) ? "dynamic" : "static");
    if (how === 0) counters.connectionOpened();
    else if (how === 1) counters.requestBegun();
    else if (how === 2) counters.add("received", 7);
    else counters.failed(problem, 0);
  },
  listener({ world, board }: Rig, { which, isTaken }: Doing<"listener">): void {
    const address = ["127.0.0.1:8989", "127.0.0.1:5432", "[::1]:5432"][which] ?? "";
    if (isTaken) world.listeners.set(address, { port: undefined, problem: taken, isOptional: false });
    else world.listeners.delete(address);
    board.noteEvent({ type: "listener", address, change: isTaken ? "failed" : "open", problem: undefined });
  },
  context({ world, board }: Rig, { name, isMissing }: Doing<"context">): void {
    world.context = name;
    world.contextProblem = isMissing ? problem : undefined;
    for (const { plan } of world.attached) board.profileChanged(plan.profile);
  },
  overload({ world, board }: Rig, { is }: Doing<"overload">): void {
    world.overload = is ? problem : undefined;
    board.noteEvent({ type: "overload", refused: 0, problem: world.overload });
  },
} as const;

function act(at: Rig, each: Exclude<Action, { do: "read" | "look" }>): void {
  (acts[each.do] as (at: Rig, each: Action) => void)(at, each);
}

test("whatever happens, every watcher ends up with what is true, and so does who asks once", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(action, { maxLength: 40 }), async (actions) => {
      const at = rig();
      at.attach(first);
      const [quick, slow] = [at.watch(), at.watch()];
      for (const each of actions) {
        if (each.do === "read") slow.read(each.messages);
        else if (each.do === "look") await at.clock.advance(daemonLimits.statusPauseMs);
        else act(at, each);
      }
      await at.clock.advance(daemonLimits.statusPauseMs);
      slow.read(Number.POSITIVE_INFINITY);
      const once = new Client();
      await at.feed.sendOnce(once, once.send);
      const wanted = JSON.stringify(truth(at.world));
      for (const client of [quick, slow, once]) expect(JSON.stringify(client.view.snapshot())).toBe(wanted);
      expect([quick.isComplete, slow.isComplete, once.isAtEnd]).toEqual([true, true, true]);
    }),
    { numRuns: 150 },
  );
});

async function manyRoutes(count: number): Promise<Plan> {
  const routes = Array.from({ length: count }, (_, at) => `"r${at}.localhost" = "svc/s${at}:80"`);
  return await planOf("/p/tunnels.toml", `[http]\nlisten = ["127.0.0.1:8989"]\n[routes]\n${routes.join("\n")}\n`);
}

test("what does not change is not read again, and without a watcher nothing is", async () => {
  const { world, clock, attach, watch } = rig();
  const plan = await manyRoutes(1000);
  attach(plan);
  const read = world.counters.of(plan.profile, "r7.localhost", "static");
  for (let piece = 0; piece < 10_000; piece++) read.add("received", 1000);
  await clock.advance(10_000);
  expect(world.looks).toBe(0);
  const client = watch();
  expect(world.looks).toBe(1000);
  await clock.advance(10_000);
  for (let piece = 0; piece < 10_000; piece++) read.add("received", 1000);
  const before = client.messages;
  await clock.advance(daemonLimits.statusPauseMs);
  expect([world.looks, client.messages - before]).toEqual([1001, 1]);
  client.leave();
  read.add("received", 1000);
  await clock.advance(10_000);
  expect(world.looks).toBe(1001);
});

test("a client that does not read has one message waiting, however much changes, and then gets the latest", async () => {
  const { world, clock, attach, watch } = rig();
  const plan = await manyRoutes(1000);
  attach(plan);
  const client = watch();
  const whole = Math.ceil((1000 + 2) / controlLimits.statusPartsPerMessage);
  expect(client.messages).toBe(whole);
  client.room = 1;
  for (let round = 0; round < 5; round++) {
    for (const { name } of plan.routes) world.counters.of(plan.profile, name, "static").requestBegun();
    await clock.advance(daemonLimits.statusPauseMs);
  }
  expect([client.messages - whole, client.isComplete]).toEqual([1, false]);
  client.read(Number.POSITIVE_INFINITY);
  expect(client.view.snapshot().profiles[0]?.routes.map(({ requests }) => requests)).toEqual(Array.from({ length: 1000 }, () => 5));
  expect(client.messages - whole).toBeLessThan(whole + 2);
});
