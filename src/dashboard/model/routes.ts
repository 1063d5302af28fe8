/** Which routes the list shows, and what is looked up among them. Pure. */

import type { ProfileStatus, RouteStatus, Snapshot } from "#control/api.ts";
import { hasFailed, isRoute, type Row, rowsOf, type RouteRow, type Sorting } from "#tui/model/rows.ts";
import type { RouteRef } from "./place.ts";

export const kinds = ["all", "in use", "failed"] as const;
export type Kind = (typeof kinds)[number];

export interface Choice {
  readonly filter: string;
  readonly sorting: Sorting;
  readonly kind: Kind;
}

export interface Listed {
  readonly rows: readonly Row[];
  /** Of all routes, before anything is left out. */
  readonly counts: Readonly<Record<Kind, number>>;
}

export const nothingListed: Listed = { rows: [], counts: { all: 0, "in use": 0, failed: 0 } };

export function listed(snapshot: Snapshot, { filter, sorting, kind }: Choice): Listed {
  const { rows, all, failed } = rowsOf(snapshot, filter, sorting);
  const counts = { all: all.length, "in use": all.filter(({ route }) => isInUse(route)).length, failed };
  return { rows: kind === "all" ? rows : withoutEmptyHeadings(rows.filter((row) => !isRoute(row) || isOfKind(row.route, kind))), counts };
}

function isOfKind(route: RouteStatus, kind: Kind): boolean {
  return kind === "failed" ? hasFailed(route) : isInUse(route);
}

function isInUse({ state, openConnections, perSecond }: RouteStatus): boolean {
  return state === "running" || state === "starting" || openConnections > 0 || perSecond !== undefined;
}

function withoutEmptyHeadings(rows: readonly Row[]): Row[] {
  return rows.filter((row, at) => {
    const next = rows[at + 1];
    return isRoute(row) || (next !== undefined && isRoute(next));
  });
}

export function keyOf(profile: string, route: string): string {
  return `${profile}\u0000${route}`;
}

export function refOf({ profile, route }: RouteRow): RouteRef {
  return { profile: profile.profile, route: route.name };
}

export interface FoundRoute {
  readonly profile: ProfileStatus;
  readonly route: RouteStatus;
}

export function findRoute(snapshot: Snapshot | undefined, ref: RouteRef | undefined): FoundRoute | undefined {
  const profile = snapshot?.profiles.find((each) => each.profile === ref?.profile);
  const route = profile?.routes.find(({ name }) => name === ref?.route);
  return profile && route ? { profile, route } : undefined;
}

/** What the browser can open: an address that a stranger's profile made up is not followed. */
export function pageOf({ kind, url }: RouteStatus): string | undefined {
  return kind !== "pattern" && /^https?:\/\/[\w.:[\]-]+(\/|$)/.test(url) ? url : undefined;
}
