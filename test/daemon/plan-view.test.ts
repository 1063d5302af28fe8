/** What the snapshot says about a route's tunnel. */

import { nothingWanted } from "#daemon/listening/wanted.ts";
import { expect, test } from "bun:test";
import type { ProfileStatus, RouteStatus } from "#control/api.ts";
import { StatusBoard } from "#daemon/status/board.ts";
import type { Running } from "#daemon/status/plan-view.ts";
import { CounterTable } from "#observe/counters.ts";
import type { Standing } from "#tunnel/standing.ts";
import type { AttachedProfile } from "#daemon/plans/profiles.ts";
import type { Plan } from "#profile/values/plan.ts";
import { noForwards, planOf } from "./plans.ts";

const problem = { code: "no-ready-pod", message: "it is so", hints: ["look"], sinceMs: 70 } as const;
const running: Standing = { state: "running", pod: "db-1", pods: ["db-0", "db-1"], sinceMs: 100 };

async function stateOf(standing: Standing, counters: CounterTable = new CounterTable()): Promise<RouteStatus | undefined> {
  return (await profileOf(standing, counters))?.routes[0];
}

async function profileOf(standing: Standing, counters: CounterTable, settings = ""): Promise<ProfileStatus | undefined> {
  const plan = await planOf("/p/tunnels.toml", `${settings}[tcp]\n5432 = "svc/db:5432"\n`);
  const board = boardOf([attachedTo(plan)], standing, counters);
  const [profile] = board.profiles();
  return profile;
}

const attachedTo = (plan: Plan): AttachedProfile => ({
  plan,
  environment: {},
  pinned: false,
  leases: new Set(),
  problem: undefined,
  warnings: [],
  settings: [],
});

/** `applied`: the profiles as the board gets them, where these are not what is attached. */
function boardOf(profiles: readonly AttachedProfile[], standing: Standing, counters: CounterTable, applied = profiles): StatusBoard {
  const running: Running = {
    profiles: () => profiles,
    wanted: () => nothingWanted,
    listener: () => ({ port: 5432, problem: undefined, isOptional: false }),
    isStopped: () => false,
    tunnel: (target) => ({ key: "", target, phase: "running", standing, sessions: 0, openConnections: 0, health: undefined }),
    contexts: { of: () => undefined, all: () => [] },
    contextOf: () => undefined,
    counters,
    nowSeconds: () => 0,
    forwards: () => noForwards,
    reverse: () => ({ state: "idle" }),
    hub: () => ({ protocol: 1, version: "1", commit: "c", pid: 1, startedAtMs: 0 }),
  };
  const board = new StatusBoard(running);
  board.apply(applied);
  return board;
}

test("a profile with more routes than its file has is shown as it is attached now", async () => {
  const plan = await planOf("/p/tunnels.toml", '[tcp]\n5432 = "svc/db:5432"\n');
  const live = { ...attachedTo(plan) };
  const board = boardOf([live], running, new CounterTable(), [{ ...live, plan: { ...plan } }]);
  expect(board.profiles()[0]).toMatchObject({ pinned: false, clients: 0 });
  Object.assign(live, { pinned: true, leases: new Set([{}]), problem, warnings: ["odd"] });
  board.noteEvent({ type: "profile", profile: "p", change: "rejected", problem });
  expect(board.profiles()[0]).toMatchObject({ pinned: true, clients: 1, problem: { message: "it is so" }, warnings: ["odd"] });
});

test("an address that is open to the network is warned of, and marked", async () => {
  const profile = await profileOf({ state: "idle" }, new CounterTable(), 'expose = true\n[http]\nlisten = "0.0.0.0:80"\n');
  expect(profile?.warnings).toEqual([expect.stringContaining("the network reaches 0.0.0.0:80 (expose = true)")]);
  expect(profile?.listeners.map(({ address, reachableAt }) => [address, reachableAt !== undefined])).toEqual([
    ["0.0.0.0:80", true],
    ["127.0.0.1:5432", false],
    ["[::1]:5432", false],
  ]);
});

test.each<readonly [Standing, object]>([
  [{ state: "idle" }, { state: "idle", pod: undefined, pods: [], problem: undefined }],
  [running, { state: "running", pod: "db-1", pods: ["db-0", "db-1"], problem: undefined }],
  [
    { state: "starting", problem },
    { state: "starting", pod: undefined, pods: [], problem },
  ],
  [
    { state: "failed", problem, pods: ["db-0"] },
    { state: "failed", pod: undefined, pods: ["db-0"], problem },
  ],
])("a route whose tunnel stands as %j", async (standing, shown) => {
  expect(await stateOf(standing)).toMatchObject(shown);
});

test.each([
  [99, undefined],
  [100, "it is so"],
])("a connection's failure at %d is shown unless the pods became ready after it", async (atMs, message) => {
  const counters = new CounterTable();
  counters.of("/p/tunnels.toml", "5432").failed(problem, atMs);
  expect((await stateOf(running, counters))?.lastProblem?.message).toBe(message as string);
});

test.each([
  [99, "running"],
  [100, "failed"],
])("a backend of a different protocol at %d has failed the route unless other pods came", async (atMs, state) => {
  const counters = new CounterTable();
  const route = counters.of("/p/tunnels.toml", "5432");
  route.failed(problem, atMs, true);
  expect(await stateOf(running, counters)).toMatchObject({
    state,
    problem: state === "failed" ? { message: "it is so", hints: ["look"], sinceMs: 100 } : undefined,
  });
  route.worked();
  expect(await stateOf(running, counters)).toMatchObject({ state: "running", problem: undefined });
});
