/** What stands around every view: the heading, and below it what is wrong, what was done, and the keys. Pure. */

import { bold, cyan, dim, green, line, red, type Text, widthOf, yellow } from "#base/text.ts";
import { wrapped } from "#base/wrap.ts";
import type { RouteStatus } from "#control/api.ts";
import { bindingsOf } from "#tui/model/keymap.ts";
import { type Link, type Model, selectedRow } from "#tui/model/model.ts";
import { hasFailed } from "#tui/model/rows.ts";
import { apart, blank, type Picture, type PictureRow, row } from "./picture.ts";

export function heading(model: Model): PictureRow {
  const { columns } = model.size;
  const { all, failed } = model.rows;
  const bad: Text = failed === 0 ? [] : [dim(" · "), red(`${failed} failed`)];
  const order: Text = model.sorting === "place" ? [] : [dim(" · "), `by ${model.sorting}`];
  const only: Text = model.filter === "" ? [] : [dim(" · "), yellow(`/${model.filter}`)];
  const left: Text = [" ", bold("kt"), "  ", `${all.length} route${all.length === 1 ? "" : "s"}`, bad, order, only];
  return apart(left, [linkText(model.link), " "], columns, widthOf);
}

function linkText(link: Link): Text {
  if (link.kind === "live") return green("● live");
  return link.kind === "connecting" ? dim("◌ connecting") : red("✗ no hub");
}

/** What is wrong with the hub, else with the selected route, else with another one; and the line of keys. */
export function footing(model: Model): Picture {
  const { columns } = model.size;
  const lines = about(model).slice(0, aboutRows);
  const rows = lines.map((each) => row([" ", each], columns));
  return [...rows, ...Array.from({ length: aboutRows - rows.length }, () => blank(columns)), keysRow(model)];
}

/** A message of two lines, and its hint. */
const aboutRows = 3;

function about(model: Model): Text[] {
  const { link, size } = model;
  if (link.kind === "lost") return [red(link.why), dim("trying to reach it again; what is shown is how it was")];
  const overload = model.snapshot?.hub.problem;
  if (overload) return [yellow(overload.message), ...overload.hints];
  if (model.log) return model.log.end === undefined ? [] : [dim(model.log.end)];
  if (model.detail) return [];
  const selected = selectedRow(model)?.route;
  const troubled = hasProblem(selected) ? selected : (model.rows.all.find(({ route }) => hasFailed(route))?.route ?? selected);
  const problem = troubled?.problem ?? troubled?.lastProblem;
  if (!troubled || !problem) return [];
  const subject = troubled === selected ? "" : `${troubled.name}: `;
  const said = troubled.problem ? red(`${subject}${problem.message}`) : dim(`last error: ${problem.message}`);
  const message = wrapped(line(said), size.columns - 1).slice(0, aboutRows - 1);
  return [...message, ...problem.hints.slice(0, 1).map((hint): Text => [dim("hint: "), cyan(hint)])];
}

function hasProblem(route: RouteStatus | undefined): boolean {
  return (route?.problem ?? route?.lastProblem) !== undefined;
}

function keysRow(model: Model): PictureRow {
  const { size, isFiltering, filter, notice } = model;
  const { columns } = size;
  if (isFiltering) return row([" /", filter, "▏", dim("  Enter keeps it, Esc takes it away")], columns);
  if (notice) return row([" ", { text: notice.text, tone: notice.tone }], columns);
  const hints = bindingsOf(model).flatMap(({ hint }) => (hint ? [hint] : []));
  return row([" ", hints.map(([key, does]): Text => [bold(key), " ", dim(does), "  "])], columns);
}
