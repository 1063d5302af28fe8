/** Problems in the form in which they cross the socket. */

import type { RouteStatus } from "#control/api.ts";
import type { Problem } from "#observe/events.ts";

export type SentProblem = NonNullable<RouteStatus["problem"]>;

export function sent(problem: Problem & { readonly sinceMs?: number }): SentProblem;
export function sent(problem: (Problem & { readonly sinceMs?: number }) | undefined): SentProblem | undefined;
export function sent(problem: (Problem & { readonly sinceMs?: number }) | undefined): SentProblem | undefined {
  if (!problem) return undefined;
  const { code, message, hints, sinceMs } = problem;
  return { code, message, hints: [...hints], ...(sinceMs === undefined ? {} : { sinceMs }) };
}
