/** The lines that `kt up` and `kt status` show for a profile: one per route, and below it what is wrong. */

import { formatBytes } from "#base/bytes-text.ts";
import type { ProfileStatus, RouteStatus } from "#control/api.ts";
import { alignColumns, type Paint, type Style, visibleLength } from "./style.ts";

/** What a line says besides its URL and target; an idle route that was never used says nothing more. */
export function routeFacts(route: RouteStatus): string {
  const facts = [];
  if (route.address !== undefined) facts.push(`also at ${route.address}`);
  if (route.pod !== undefined) facts.push(route.pod);
  if (route.openConnections > 0) facts.push(`${route.openConnections} open`);
  if (route.receivedBytes + route.sentBytes > 0) facts.push(`↓ ${formatBytes(route.receivedBytes)} ↑ ${formatBytes(route.sentBytes)}`);
  return facts.join(" · ");
}

/** Every line of one profile, with its heading. */
export function profileLines(profile: ProfileStatus, style: Style): string[] {
  const rows = profile.routes.map((route) => [
    `  ${style.cyan(route.url)}`,
    route.target,
    stateColour(route, style)(route.state),
    style.dim(routeFacts(route)),
  ]);
  const lines = alignColumns(rows, visibleLength);
  const heading = `${style.bold(profile.name)} ${style.dim(profile.profile)}`;
  const body = profile.routes.flatMap((route, index) => [lines[index] ?? "", ...problemLines(route, style)]);
  return [heading, ...body, ...listenerLines(profile, style), ...fileLines(profile, style)];
}

function stateColour(route: RouteStatus, style: Style): Paint {
  if (route.state === "running") return style.green;
  if (route.state === "starting") return style.yellow;
  return route.problem === undefined ? style.dim : style.red;
}

function problemLines({ problem, lastProblem }: RouteStatus, style: Style): string[] {
  if (problem) return [`      ${style.red(problem.message)}`, ...problem.hints.map((hint) => `      ${style.dim(hint)}`)];
  return lastProblem ? [`      ${style.dim(`last error at ${timeOf(lastProblem.atMs)}: ${lastProblem.message}`)}`] : [];
}

/** Addresses that are not open, unless a route above has said so. */
function listenerLines({ listeners, routes }: ProfileStatus, style: Style): string[] {
  const said = new Set(routes.map(({ problem }) => problem?.message));
  return listeners.flatMap(({ problem }) => (problem && !said.has(problem.message) ? [`  ${style.yellow(problem.message)}`] : []));
}

/** What is wrong with the file on disk, while an older one runs. */
function fileLines({ problem }: ProfileStatus, style: Style): string[] {
  if (!problem) return [];
  return [
    `  ${style.red(`the file cannot be used, the last good one runs on: ${problem.message}`)}`,
    ...problem.hints.map((hint) => `  ${style.dim(hint)}`),
  ];
}

/** Local time of day. */
export function timeOf(atMs: number): string {
  return new Date(atMs).toTimeString().slice(0, 8);
}
