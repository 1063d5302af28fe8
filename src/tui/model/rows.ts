/** The rows of the list: the routes of every profile, filtered, sorted, and by default grouped by profile and namespace. Pure. */

import type { ProfileStatus, RouteStatus, Snapshot } from "#control/api.ts";

/** `place`: as profiles have them, under headings; the others are lists without. */
export const sortings = ["place", "state", "name", "traffic", "connections"] as const;
export type Sorting = (typeof sortings)[number];

export interface RouteRow {
  readonly kind: "route";
  /** The same for the same route in every snapshot. */
  readonly key: string;
  readonly profile: ProfileStatus;
  readonly route: RouteStatus;
}

export interface HeadingRow {
  readonly kind: "heading";
  readonly profile: ProfileStatus;
  /** "" where the routes name none. */
  readonly namespace: string;
  /** Of its routes, before the filter. */
  readonly count: number;
}

export type Row = RouteRow | HeadingRow;

export interface Rows {
  readonly rows: readonly Row[];
  /** Without the filter. */
  readonly all: readonly RouteRow[];
  readonly failed: number;
}

export const noRows: Rows = { rows: [], all: [], failed: 0 };

export function rowsOf({ profiles }: Snapshot, filter: string, sorting: Sorting): Rows {
  const all = profiles.flatMap(routeRows);
  const words = filter
    .toLowerCase()
    .split(/\s+/)
    .filter((word) => word !== "");
  const kept = words.length === 0 ? all : all.filter((row) => matches(row, words));
  const rows = sorting === "place" ? underHeadings(profiles, all, kept) : kept.toSorted(orders[sorting]);
  return { rows, all, failed: all.filter(({ route }) => hasFailed(route)).length };
}

export const isRoute = (row: Row): row is RouteRow => row.kind === "route";

export function hasFailed({ state }: RouteStatus): boolean {
  return rank[state] === 0;
}

/** The namespace that a route leads to, as far as its target names one. */
export function namespaceOf({ forwarded, target }: RouteStatus): string {
  if (forwarded !== undefined) return forwarded.namespace;
  const [, namespace = ""] = /^([^/ ]+)\/[^/ ]+\/[^/ ]+$/.exec(target.replace(/^.* via /, "")) ?? [];
  return namespace;
}

function routeRows(profile: ProfileStatus): RouteRow[] {
  return profile.routes.map((route) => ({ kind: "route", key: keyOf(profile, route), profile, route }));
}

const keyOf = ({ profile }: ProfileStatus, { kind, name }: RouteStatus): string => [profile, kind, name].join("\u0000");

/** Every word stands somewhere in what is shown of the route. */
function matches({ profile, route }: RouteRow, words: readonly string[]): boolean {
  const { name, url, target, state, pod = "" } = route;
  const text = [name, url, target, state, pod, profile.name].join("\n").toLowerCase();
  return words.every((word) => text.includes(word));
}

const rank: Readonly<Record<RouteStatus["state"], number>> = {
  failed: 0,
  blocked: 0,
  conflict: 0,
  stopped: 3,
  starting: 1,
  running: 2,
  stopping: 3,
  idle: 4,
};

type Compare = (one: RouteRow, other: RouteRow) => number;

const byName: Compare = (one, other) => (one.route.name < other.route.name ? -1 : one.route.name > other.route.name ? 1 : 0);
/** What goes through it now, and of what is at rest what went through. */
const rateOf = ({ route: { perSecond } }: RouteRow): number => (perSecond ? perSecond.receivedBytes + perSecond.sentBytes : -1);
const bytesOf = ({ route }: RouteRow): number => route.receivedBytes + route.sentBytes;

/** What is equal stays in alphabetical order, so that rows do not change places for nothing. */
const orders: Readonly<Record<Exclude<Sorting, "place">, Compare>> = {
  name: byName,
  state: (one, other) => rank[one.route.state] - rank[other.route.state] || byName(one, other),
  traffic: (one, other) => rateOf(other) - rateOf(one) || bytesOf(other) - bytesOf(one) || byName(one, other),
  connections: (one, other) => other.route.openConnections - one.route.openConnections || byName(one, other),
};

/** Profiles and namespaces without routes have a heading as well, which says why. */
function underHeadings(profiles: readonly ProfileStatus[], all: readonly RouteRow[], kept: readonly RouteRow[]): Row[] {
  const [counted, shown] = [all, kept].map((rows) => Map.groupBy(rows, ({ profile }) => profile));
  return profiles.flatMap((profile): Row[] => {
    const own = Map.groupBy(counted?.get(profile) ?? [], ({ route }) => namespaceOf(route));
    const visible = Map.groupBy(shown?.get(profile) ?? [], ({ route }) => namespaceOf(route));
    const empty = (profile.namespaces ?? []).map(({ namespace }) => namespace).filter((namespace) => !own.has(namespace));
    const bare = own.size === 0 && empty.length === 0 ? [""] : empty;
    const headings = bare.map((namespace): Row => ({ kind: "heading", profile, namespace, count: 0 }));
    const groups = [...visible].flatMap(([namespace, rows]): Row[] => [
      { kind: "heading", profile, namespace, count: own.get(namespace)?.length ?? 0 },
      ...rows,
    ]);
    return [...groups, ...headings];
  });
}
