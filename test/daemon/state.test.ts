/** What the snapshot says about a route's tunnel. */

import { expect, test } from "bun:test";
import type { ErrorCode } from "#base/errors.ts";
import { profileStates } from "#daemon/state.ts";
import { CounterTable } from "#observe/counters.ts";
import type { TunnelPhase } from "#observe/events.ts";
import { planOf } from "./plans.ts";

const made = 'target = "db:5432"\nvia = { pod = "kt-jump", create = {} }';
const found = 'target = "svc/db:5432"';

test.each([
  ["starts without a problem", found, "starting", undefined, 1, "starting"],
  ["waits for a pod that comes", found, "starting", "no-ready-pod", 0, "starting"],
  ["has no service", found, "starting", "service-not-found", 0, "failed"],
  ["carries on after a problem", found, "running", "no-ready-pod", 0, "running"],
  ["is at rest after a problem", found, "idle", "no-ready-pod", 0, "failed"],
  ["waits for the jump pod that is made again", made, "starting", "no-ready-pod", 1, "starting"],
  ["had a jump pod that failed", made, "starting", "no-ready-pod", 0, "failed"],
] as const)("a route that %s", async (_what, route, phase: TunnelPhase, code: ErrorCode | undefined, openConnections, state) => {
  const plan = await planOf("/p/tunnels.toml", `[tcp.5432]\n${route}\n`);
  const problem = code && { code, message: "it is so", hints: [] };
  const [profile] = profileStates({
    profiles: [{ plan, environment: {}, pinned: true, leases: new Set(), problem: undefined, warnings: [] }],
    wanted: { http: new Map(), tcp: new Map(), clashes: [] },
    listener: () => ({ port: 5432, problem: undefined, isOptional: false }),
    tunnel: (target) => ({ key: "", target, phase, pod: undefined, pods: [], sessions: 0, openConnections, problem }),
    counters: new CounterTable(),
  });
  expect(profile?.routes[0]?.state).toBe(state);
});
