/** What the full-screen view knows and shows, and what it asks for: each message makes the next model of it. Pure. */

import type { LogEntry, ProfileStatus, RequestEntry, RouteAction, Snapshot } from "#control/api.ts";
import type { Tone } from "#base/tone.ts";
import { tuiLimits } from "#tui/limits.ts";
import { type Detail, newDetail, withEvents } from "./detail.ts";
import { entryText } from "./entry-text.ts";
import { type LogView, newLog, type Source, withLines } from "./log.ts";
import { type KnownPods, likeliest } from "./pods.ts";
import { isRoute, noRows, type RouteRow, type Rows, rowsOf, type Sorting } from "./rows.ts";

export interface Size {
  readonly columns: number;
  readonly rows: number;
}

/** Whether what is shown is true now. */
export type Link = { readonly kind: "connecting" } | { readonly kind: "live" } | { readonly kind: "lost"; readonly why: string };

/** How a line of what was just done looks. */
export interface Notice {
  readonly text: string;
  readonly tone: Tone;
}

/** A window over the others that takes the keys. */
export type Overlay = "help" | "leave";

export interface Model {
  readonly size: Size;
  readonly link: Link;
  /** The path of the profile that this view keeps attached; undefined where it keeps none. */
  readonly lease: string | undefined;
  readonly snapshot: Snapshot | undefined;
  readonly rows: Rows;
  readonly sorting: Sorting;
  readonly filter: string;
  /** Keys go into the filter. */
  readonly isFiltering: boolean;
  /** The key of the row that keys act on. */
  readonly selected: string | undefined;
  /** How many rows of the list are above the window. */
  readonly top: number;
  /** The route that is looked into, before the list. */
  readonly detail: Detail | undefined;
  /** The log that is read, before both. */
  readonly log: LogView | undefined;
  /** Of the route in detail or log. */
  readonly pods: KnownPods;
  /** Bytes per second of the latest seconds, by the key of the row: of routes in the window that carry some. */
  readonly sparks: ReadonlyMap<string, readonly number[]>;
  readonly overlay: Overlay | undefined;
  readonly notice: Notice | undefined;
}

/** What must be done outside. */
export type Effect =
  | { readonly type: "quit"; readonly keepAttached: boolean }
  | { readonly type: "suspend" }
  | { readonly type: "redraw" }
  | { readonly type: "act"; readonly action: RouteAction; readonly profile: string; readonly route: string }
  | { readonly type: "copy"; readonly text: string }
  | { readonly type: "open"; readonly url: string };

export interface Step {
  readonly model: Model;
  readonly effects: readonly Effect[];
}

export function firstModel(size: Size, lease: string | undefined): Model {
  return {
    size,
    link: { kind: "connecting" },
    lease,
    snapshot: undefined,
    rows: noRows,
    sorting: "place",
    filter: "",
    isFiltering: false,
    selected: undefined,
    top: 0,
    detail: undefined,
    log: undefined,
    pods: undefined,
    sparks: new Map(),
    overlay: undefined,
    notice: undefined,
  };
}

/** The first one of another hub is remarked on: connections through the previous one have ended. */
export function withSnapshot(model: Model, snapshot: Snapshot): Model {
  const { link } = model;
  const live = withRows({ ...model, snapshot, link: { kind: "live" } });
  return link.kind === "lost" ? withNotice(live, `${link.why}; another one is there`, "yellow") : live;
}

export function resized(model: Model, size: Size): Model {
  return scrolled({ ...model, size });
}

export function withNotice(model: Model, text: string, tone: Tone = "green"): Model {
  return { ...model, notice: { text, tone } };
}

/** After something that the rows are made of has changed. The same route stays selected, else the one that is now in its place. */
export function withRows(model: Model): Model {
  const { snapshot, filter, sorting } = model;
  const before = selectable(model);
  const place = before.findIndex(({ key }) => key === model.selected);
  const rows = snapshot === undefined ? noRows : rowsOf(snapshot, filter, sorting);
  const after = rows.rows.filter(isRoute);
  const isThere = after.some(({ key }) => key === model.selected);
  const selected = isThere ? model.selected : after[Math.min(Math.max(place, 0), after.length - 1)]?.key;
  return scrolled({ ...model, rows, selected });
}

/** Names have no line breaks; a longer filter than a name finds nothing. */
export function filtered(model: Model, filter: string): Model {
  return withRows({ ...model, filter: filter.replace(/\s+/g, " ").slice(0, tuiLimits.filterCharacters) });
}

export function selectable({ rows }: Model): readonly RouteRow[] {
  return rows.rows.filter(isRoute);
}

/** The profile that this view keeps attached. */
export function leasedProfile({ lease, snapshot }: Model): ProfileStatus | undefined {
  return snapshot?.profiles.find(({ profile }) => profile === lease);
}

/** What keys act on: the route in the detail, else the one that is selected. */
export function selectedRow({ rows, detail, selected }: Model): RouteRow | undefined {
  const key = detail?.key ?? selected;
  return rows.all.find((row) => row.key === key);
}

/** The routes that the window shows. */
export function visibleRows(model: Model): readonly RouteRow[] {
  const { detail, log, rows, top } = model;
  if (log) return [];
  return detail ? rows.all.filter(({ key }) => key === detail.key) : rows.rows.slice(top, top + bodyRows(model)).filter(isRoute);
}

/** What is followed now. */
export function wantedSource({ detail, log }: Model): Source | undefined {
  return log?.source ?? detail?.source;
}

export function opened(model: Model): Model {
  const row = selectedRow(model);
  if (row === undefined) return model;
  return { ...model, detail: newDetail(row.key, row.profile.profile, row.route.name), pods: undefined };
}

/** The log of a container of the selected route: which one is known once its pods are. */
export function openedPodLog(model: Model): Model {
  const row = selectedRow(model);
  if (row === undefined) return model;
  const log = newLog({ kind: "pods", profile: row.profile.profile, route: row.route.name });
  return chosen({ ...model, log, pods: model.detail ? model.pods : undefined });
}

export function openedHubLog(model: Model): Model {
  return { ...model, log: newLog({ kind: "hub" }) };
}

/** Oldest first, as the hub has them. */
export function withRequests(model: Model, requests: readonly RequestEntry[]): Model {
  const { detail } = model;
  return detail ? { ...model, detail: { ...detail, requests: requests.toReversed() } } : model;
}

export function withPods(model: Model, pods: KnownPods): Model {
  return chosen({ ...model, pods });
}

/** As soon as the pods are known, one of their containers is read. */
function chosen(model: Model): Model {
  const { log, pods } = model;
  if (log?.source.kind !== "pods" || pods === undefined) return model;
  const { profile, route } = log.source;
  const container = likeliest(pods, selectedRow(model)?.route.pod);
  if (container) return { ...model, log: newLog({ kind: "pod", profile, route, ...container }) };
  return { ...model, log: { ...log, end: "problem" in pods ? pods.problem : "there is no pod behind it" } };
}

/** What the followed source has said, if it is still what is wanted. */
export function heard(model: Model, source: Source, entries: readonly LogEntry[]): Model {
  const { detail, log } = model;
  if (log?.source === source)
    return {
      ...model,
      log: withLines(
        log,
        entries.map((entry) => entryText(entry, source.kind === "hub")),
      ),
    };
  return detail?.source === source ? { ...model, detail: withEvents(detail, entries) } : model;
}

export function heardLines(model: Model, source: Source, lines: readonly string[], leftOut: number): Model {
  return model.log?.source === source ? { ...model, log: { ...withLines(model.log, lines, leftOut), end: undefined } } : model;
}

export function ended(model: Model, source: Source, why: string): Model {
  return model.log?.source === source ? { ...model, log: { ...model.log, end: why } } : model;
}

/** So many rows further down; it stops at the ends. */
export function moved(model: Model, by: number): Model {
  const rows = selectable(model);
  const at = rows.findIndex(({ key }) => key === model.selected);
  const next = Math.min(Math.max(at + by, 0), rows.length - 1);
  return scrolled({ ...model, selected: rows[next]?.key });
}

/** The rows that are left for a list or a text: all but the heading above and the lines below. */
export function bodyRows({ size }: Model): number {
  return Math.max(0, size.rows - frameRows);
}

/** The heading, the titles of the columns, what is wrong with the selected route, and the keys. */
const frameRows = 6;

/** The selected row is in the window, with the heading above it where it is the first below one. */
export function scrolled(model: Model): Model {
  const { rows } = model.rows;
  const room = bodyRows(model);
  const at = rows.findIndex((row) => isRoute(row) && row.key === model.selected);
  const from = rows[at - 1]?.kind === "heading" ? at - 1 : at;
  const most = Math.max(0, rows.length - room);
  const top = Math.max(Math.min(model.top, Math.max(0, from)), at - room + 1);
  return { ...model, top: Math.max(0, Math.min(top, most)) };
}
