/** The list of routes: a row for each, its state first, then where it is, where it leads, and what goes through it. Pure. */

import { formatBytes } from "#base/bytes-text.ts";
import { bold, cyan, dim, red, type Text, widthOf } from "#base/text.ts";
import type { ProfileStatus, RouteStatus } from "#control/api.ts";
import { bodyRows, type Model } from "#tui/model/model.ts";
import { type HeadingRow, isRoute, type RouteRow } from "#tui/model/rows.ts";
import { cell } from "./cells.ts";
import { blank, type Picture, type PictureRow, row } from "./picture.ts";
import { rate } from "./rate.ts";
import { sparkline } from "./sparkline.ts";
import { stateMarks } from "./state-marks.ts";

/** Of columns, in the order in which they stand; 0 for one that there is no room for. */
interface Layout {
  readonly columns: number;
  readonly address: number;
  readonly target: number;
  readonly counts: readonly Count[];
  readonly spark: number;
}

/** A number of a route. */
interface Count {
  readonly title: string;
  readonly width: number;
  readonly of: (route: RouteStatus) => string;
}

const nothing = "·";
const bytes = (perSecond: number | undefined): string => (perSecond === undefined ? nothing : `${formatBytes(perSecond)}/s`);

const counts: readonly Count[] = [
  { title: "open", width: 5, of: ({ openConnections }) => (openConnections === 0 ? nothing : String(openConnections)) },
  { title: "req/s", width: 7, of: ({ perSecond }) => (perSecond === undefined ? nothing : rate(perSecond.requests)) },
  { title: "↓", width: 11, of: ({ perSecond }) => bytes(perSecond?.receivedBytes) },
  { title: "↑", width: 11, of: ({ perSecond }) => bytes(perSecond?.sentBytes) },
];

/** Of the latest seconds; only where there is room for all else. */
const sparkWidth = 20;
const leastColumnsWithSpark = 140;

/** The mark of the selection, a glyph, and the longest word for a state. */
const stateWidth = 13;
const gap = 2;
const leastAddress = 16;
/** A shorter part of a target says nothing. */
const leastTarget = 18;

export function listPicture(model: Model): Picture {
  const { rows } = model.rows;
  const layout = layoutFor(model);
  const shown = rows.slice(model.top, model.top + bodyRows(model));
  const body = shown.map((each) => (each.kind === "heading" ? headingPicture(each, layout) : routePicture(each, model, layout)));
  if (model.snapshot?.profiles.length === 0) body.push(row(["  ", dim("no profile is attached: kt up attaches one")], layout.columns));
  const rest = Array.from({ length: bodyRows(model) - body.length }, () => blank(layout.columns));
  return [titles(layout), ...body, ...rest];
}

function layoutFor({ size: { columns }, rows }: Model): Layout {
  const widest = rows.rows.filter(isRoute).reduce((most, { route }) => Math.max(most, widthOf(labelOf(route))), leastAddress);
  const kept = counts.filter((_, index) => columns >= 60 || index === 0);
  const spark = columns >= leastColumnsWithSpark ? sparkWidth + gap : 0;
  const numbers = kept.reduce((sum, { width }) => sum + width, spark);
  const room = columns - stateWidth - numbers;
  const beside = room - leastTarget - 2 * gap;
  const target = beside >= Math.min(widest, leastAddress * 2) ? Math.max(leastTarget, room - widest - 2 * gap) : 0;
  const address = Math.max(0, room - gap - (target > 0 ? target + gap : 0));
  return { columns, address, target, counts: kept, spark };
}

/** Of a service that a [[forward]] found, its name stands before its address, which says nothing by itself. */
function labelOf({ url, name, forwarded }: RouteStatus): Text {
  return forwarded === undefined ? cyan(url) : [cyan(name), " ", dim(url)];
}

function titles({ columns, address, target, counts: shown }: Layout): PictureRow {
  const numbers = shown.map(({ title, width }) => cell(dim(title), width, "right"));
  const middle = target > 0 ? [cell(dim("target"), target), " ".repeat(gap)] : [];
  return row([cell(dim("  state"), stateWidth), cell(dim("address"), address), " ".repeat(gap), middle, numbers], columns);
}

function headingPicture({ profile, namespace, count }: HeadingRow, { columns }: Layout): PictureRow {
  const { name, context } = profile;
  const place = namespace === "" ? [] : [dim(" / "), bold(namespace)];
  const counted = count === 0 ? "no routes" : `${count} route${count === 1 ? "" : "s"}`;
  const facts = [...(context === undefined ? [] : [`context ${context}`]), counted].join(" · ");
  return row([bold(name), place, "  ", dim(facts), headingRemark(profile, namespace)], columns);
}

/** What is wrong with the file or the namespace, else what is not as the cluster has it. */
function headingRemark({ problem, namespaces = [] }: ProfileStatus, namespace: string): Text {
  if (problem) return ["  ", red(`its file cannot be used: ${problem.message}`)];
  const status = namespaces.find((each) => each.namespace === namespace);
  if (status?.problem) return ["  ", red(status.problem.message)];
  const [note] = status?.notes ?? [];
  return note === undefined ? [] : ["  ", dim(note)];
}

function routePicture({ key, route }: RouteRow, { selected, sparks }: Model, layout: Layout): PictureRow {
  const { columns, address, target, counts: shown, spark } = layout;
  const isSelected = key === selected;
  const { glyph, tone } = stateMarks[route.state];
  const state: Text = [isSelected ? "▸ " : "  ", { text: `${glyph} ${route.state}`, tone }];
  // A reason is worth more room than a column that is in line.
  const place = route.problem ? Math.min(address, widthOf(labelOf(route))) : address;
  const head: Text = [cell(state, stateWidth), cell(labelOf(route), place), " ".repeat(gap)];
  if (route.problem)
    return row([head, { text: route.problem.message, tone: route.state === "starting" ? "yellow" : "red" }], columns, isSelected);
  const middle: Text = target > 0 ? [cell(route.target, target), " ".repeat(gap)] : [];
  const numbers = shown.map(({ width, of }) => cell(of(route), width, "right"));
  const bars = spark === 0 ? [] : cell(cyan(sparkline(sparks.get(key) ?? [], sparkWidth)), spark, "right");
  return row([head, middle, numbers, bars], columns, isSelected);
}
