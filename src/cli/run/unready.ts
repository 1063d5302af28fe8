/** How `kt run` speaks of routes that are not ready: while it waits for them, and when they cannot be had. */

import { type ErrorCode, isAbout } from "#base/error-facts.ts";
import type { ReplyOf, Snapshot } from "#control/api.ts";
import { exitCodeFor, exitCodes } from "#cli/exit.ts";
import type { Output } from "#cli/screen/output.ts";

/** Which of the profile's routes do not lead to a pod yet, with the first reason that is known; undefined where all do. */
export function waitingText({ profiles }: Snapshot, profile: string, names: readonly string[]): string | undefined {
  const routes = profiles.find((each) => each.profile === profile)?.routes ?? [];
  const waiting = routes.filter(({ name, state, problem }) => names.includes(name) && (state !== "running" || problem));
  if (waiting.length === 0) return undefined;
  const reason = waiting.find(({ problem }) => problem)?.problem?.message;
  return `waiting for ${listed(waiting)}${reason === undefined ? "" : `: ${reason}`}`;
}

type Readiness = ReplyOf<"ready">["routes"];

/** What is wrong on this machine, as against in the cluster or on the way to it. */
const isLocal = ({ code }: { readonly code: ErrorCode }): boolean => isAbout(code, "machine", "kt");

/** Each problem once, with all routes that have it. Returns the exit code; undefined where every route is ready. */
export function showUnready(routes: Readiness, output: Output): number | undefined {
  const problems = routes.flatMap(({ name, problem }) => (problem ? [{ name, ...problem }] : []));
  for (const [message, those] of Map.groupBy(problems, (problem) => problem.message)) {
    const verb = those.length === 1 ? "is" : "are";
    output.error({ message: `${listed(those)} ${verb} not ready: ${message}`, hints: those[0]?.hints ?? [] });
  }
  if (problems.length === 0) return undefined;
  const local = problems.find(isLocal);
  return local ? exitCodeFor(local.code) : exitCodes.cluster;
}

/** Namespaces of which the command has no names, and why. */
export function warnEmptyNamespaces({ profiles }: Snapshot, profile: string, output: Output): void {
  const namespaces = profiles.find((each) => each.profile === profile)?.namespaces ?? [];
  for (const { namespace, services = 0, notes, problem } of namespaces) {
    const reason = problem?.message ?? (services === 0 ? notes[0] : undefined);
    if (reason === undefined) continue;
    output.warning(`namespace "${namespace}": ${reason}`);
    output.hints(problem?.hints ?? []);
  }
}

/** A line has room for so many names. */
const shownNames = 4;

/** A few of them, and how many more there are. */
export function listed(routes: readonly { readonly name: string }[]): string {
  const shown = routes.slice(0, routes.length > shownNames ? shownNames - 1 : shownNames).map(({ name }) => `"${name}"`);
  const last = routes.length > shownNames ? `${routes.length - shown.length} more` : shown.pop();
  return shown.length === 0 ? `${last}` : `${shown.join(", ")} and ${last}`;
}
