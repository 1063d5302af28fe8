/** What is wrong, over all routes: one entry for one reason, however many routes have it, and below what went wrong last and is over. Pure. */

import type { ProfileStatus, RouteStatus } from "#control/api.ts";
import type { RouteRef } from "./place.ts";

/** Routes whose state has the same reason, or single connections that failed for it. */
export interface ListedProblem {
  readonly key: string;
  readonly code: string;
  readonly message: string;
  readonly hints: readonly string[];
  /** Of what is over, the state that the routes have by now does not count. */
  readonly state: RouteStatus["state"] | undefined;
  /** Since when the first of them has it, or when it happened last; undefined where it always was so. */
  readonly atMs: number | undefined;
  readonly routes: readonly RouteRef[];
}

export interface ProblemList {
  readonly now: readonly ListedProblem[];
  /** Of routes without a problem now, the latest first. */
  readonly over: readonly ListedProblem[];
}

export function problemsOf(profiles: readonly ProfileStatus[]): ProblemList {
  const [now, over] = [new Map<string, ListedProblem>(), new Map<string, ListedProblem>()];
  for (const { profile, routes } of profiles) {
    for (const { name: route, state, problem, lastProblem } of routes) {
      const ref = { profile, route };
      if (problem) note(now, { ...problem, state, atMs: problem.sinceMs }, ref, Math.min);
      else if (lastProblem) note(over, { ...lastProblem, state: undefined }, ref, Math.max);
    }
  }
  const most = [...now.values()].sort((one, other) => other.routes.length - one.routes.length);
  return { now: most, over: [...over.values()].sort((one, other) => (other.atMs ?? 0) - (one.atMs ?? 0)) };
}

function note(
  problems: Map<string, ListedProblem>,
  { code, message, hints, state, atMs }: Omit<ListedProblem, "key" | "routes">,
  route: RouteRef,
  choose: (one: number, other: number) => number,
): void {
  const key = `${state ?? ""} ${code} ${message}`;
  const known = problems.get(key);
  const moments = [atMs, known?.atMs].filter((each) => each !== undefined);
  const when = moments.length === 0 ? undefined : moments.reduce((one, other) => choose(one, other));
  problems.set(key, { key, code, message, hints, state, atMs: when, routes: [...(known?.routes ?? []), route] });
}
