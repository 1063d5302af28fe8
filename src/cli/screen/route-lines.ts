/** The lines that `kt up` and `kt status` show for a profile: one per route, its state first, and below it what is wrong. */

import { timeOfDay } from "#base/time-of-day.ts";
import { formatBytes } from "#base/bytes-text.ts";
import type { ProfileStatus, RouteStatus } from "#control/api.ts";
import { settingText } from "#control/setting-text.ts";
import { stateMarks } from "#tui/view/state-marks.ts";
import { type NamespaceGroup, namespaceGroups } from "./namespace-groups.ts";
import { gap, messageLine, type PlaceLayout, placeLayout, problemIndent, problemLines, stateIndent, stateLines } from "./state-lines.ts";
import { bold, dim, type Line, line, red, yellow } from "#base/text.ts";

/** Some lines that belong together, and change together. */
export interface Part {
  readonly key: string;
  readonly lines: readonly Line[];
}

/** Everything about one profile in its order, with the heading. `columns` is what there is room for. */
export function profileParts(profile: ProfileStatus, columns: number): Part[] {
  const groups = namespaceGroups(profile);
  const written = profile.routes.filter(({ kind }) => kind !== "forward");
  const layout = layoutFor([...written, ...groups.flatMap(({ routes }) => routes)], profile.context, columns);
  return [
    { key: "heading", lines: [headingOf(profile)] },
    { key: "shared", lines: layout.shared ? problemLines(layout.shared.message, layout.shared.hints, stateIndent, red) : [] },
    ...written.map((route) => routePart(route, layout)),
    ...groups.flatMap((group) => namespaceParts(group, layout)),
    { key: "listeners", lines: listenerLines(profile) },
    { key: "settings", lines: settingLines(profile) },
    { key: "file", lines: fileLines(profile) },
  ];
}

function routePart(route: RouteStatus, layout: Layout): Part {
  return { key: `${route.kind} ${route.name}`, lines: routeLines(route, layout) };
}

function namespaceParts({ status, routes }: NamespaceGroup, layout: Layout): Part[] {
  const { namespace, context, services, notes, problem } = status;
  const where = context === layout.context || context === "" ? [] : [`context ${context}`];
  const count = services === undefined ? [] : [counted(services, "service")];
  const facts = [...where, ...count].join(" · ");
  const heading = line([" ".repeat(stateIndent), bold(namespace), gap, dim(facts)], stateIndent);
  const lines = [
    ...(problem ? problemLines(problem.message, problem.hints, problemIndent, red) : []),
    ...notes.map((note) => messageLine(note, problemIndent, dim)),
  ];
  return [{ key: `namespace ${context} ${namespace}`, lines: [heading, ...lines] }, ...routes.map((route) => routePart(route, layout))];
}

function counted(count: number, word: string): string {
  return `${count} ${word}${count === 1 ? "" : "s"}`;
}

export function profileLines(profile: ProfileStatus, columns: number): Line[] {
  return profileParts(profile, columns).flatMap(({ lines }) => lines);
}

function headingOf({ name, context, profile }: ProfileStatus): Line {
  return line([bold(name), gap, ...(context === undefined ? [] : [`context ${context}`, gap]), dim(profile)], stateIndent);
}

type ShownProblem = NonNullable<RouteStatus["problem"]>;

/** What keeps all routes that are in use from working is said once, above them. */
function sharedProblem(routes: readonly RouteStatus[]): ShownProblem | undefined {
  const [first, ...more] = routes.filter(({ state }) => state !== "idle");
  const isShared = more.length > 0 && more.every(({ problem }) => problem?.message === first?.problem?.message);
  return isShared ? first?.problem : undefined;
}

/** What keeps several of them from working is said at the first; the others name it. */
function firstWithProblem(routes: readonly RouteStatus[]): ReadonlyMap<string, RouteStatus> {
  const first = new Map<string, RouteStatus>();
  for (const route of routes) if (route.problem && !first.has(route.problem.message)) first.set(route.problem.message, route);
  return first;
}

/** What all routes of a profile have in common: what is said above them, and the widths of the columns. */
interface Layout extends PlaceLayout {
  readonly shared: ShownProblem | undefined;
  readonly first: ReadonlyMap<string, RouteStatus>;
  readonly context: string | undefined;
}

function layoutFor(routes: readonly RouteStatus[], context: string | undefined, columns: number): Layout {
  const places = routes.map(({ url, target }) => ({ place: url, target }));
  return { shared: sharedProblem(routes), first: firstWithProblem(routes), context, ...placeLayout(places, columns) };
}

/** A route and what is wrong with it. */
function routeLines(route: RouteStatus, layout: Layout): Line[] {
  const { state, url, target } = route;
  const shown = { state: { ...stateMarks[state], word: state }, place: url, target, facts: routeFacts(route, layout) };
  return [...stateLines(shown, layout), ...routeProblemLines(route, layout)];
}

/** What a line says besides its URL and target; an idle route that was never used says nothing more. */
function routeFacts(route: RouteStatus, { context }: Layout): string {
  const facts = [];
  if (route.context !== undefined && route.context !== context) facts.push(`context ${route.context}`);
  if (route.address !== undefined) facts.push(`also at ${route.address}`);
  if (route.pod !== undefined) facts.push(route.pod);
  if (route.openConnections > 0) facts.push(`${route.openConnections} open`);
  if (route.receivedBytes + route.sentBytes > 0) facts.push(`↓ ${formatBytes(route.receivedBytes)} ↑ ${formatBytes(route.sentBytes)}`);
  return facts.join(" · ");
}

function routeProblemLines(route: RouteStatus, { shared, first }: Layout): Line[] {
  const { problem, lastProblem } = route;
  if (problem && problem.message === shared?.message) return [];
  const other = problem && first.get(problem.message);
  if (other && other !== route) return [messageLine(`as ${other.url}`, problemIndent, red)];
  if (problem) return problemLines(problem.message, problem.hints, problemIndent, red);
  return lastProblem ? [messageLine(`last error at ${timeOfDay(lastProblem.atMs)}: ${lastProblem.message}`, problemIndent, dim)] : [];
}

/** Addresses that are not open, unless a route above has said so. */
function listenerLines({ listeners, routes }: ProfileStatus): Line[] {
  const said = new Set(routes.map(({ problem }) => problem?.message));
  return listeners.flatMap(({ problem }) =>
    problem && !said.has(problem.message) ? problemLines(problem.message, problem.hints, stateIndent, yellow) : [],
  );
}

/** What is not left at its default, and where that is said. */
function settingLines({ settings = [] }: ProfileStatus): Line[] {
  return settings.map((setting) => messageLine(settingText(setting), stateIndent, dim));
}

/** What is wrong with the file on disk, while an older one runs. */
function fileLines({ problem }: ProfileStatus): Line[] {
  if (!problem) return [];
  const message = `the file cannot be used, the last good one runs on: ${problem.message}`;
  return problemLines(message, problem.hints, stateIndent, red);
}
