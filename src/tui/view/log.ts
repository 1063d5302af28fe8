/** A log: the lines that the window shows of it, broken at its width or cut. Pure. */

import { bold, dim, line, type Span, spansOf, type Text, widthOf, yellow } from "#base/text.ts";
import { wrapped } from "#base/wrap.ts";
import type { LogView, Source } from "#tui/model/log.ts";
import { bodyRows, type Model } from "#tui/model/model.ts";
import { apart, blank, type Picture, row } from "./picture.ts";

export function logPicture(model: Model, log: LogView): Picture {
  const { columns } = model.size;
  const room = bodyRows(model);
  const rows = lastRows(log, room, columns);
  const body = rows.map((spans) => row(spans, columns));
  const state = log.below > 0 ? yellow(`${log.below} lines below`) : dim(log.end === undefined ? "following" : "ended");
  const title = apart([" ", titleOf(log.source)], [state, " "], columns, widthOf);
  return [title, ...body, ...Array.from({ length: room - body.length }, () => blank(columns))];
}

function titleOf(source: Source): Text {
  switch (source.kind) {
    case "hub":
      return bold("events of the hub");
    case "route":
      return [bold("events of "), source.route];
    case "pods":
      return dim(`looking for the pods of ${source.route}`);
    case "pod":
      return [bold("log of "), source.pod, dim(" / "), source.container];
  }
}

/** The rows that end where the window does; only lines that it shows are looked at, for there are thousands. */
function lastRows({ lines, below, isWrapped }: LogView, room: number, columns: number): readonly (readonly Span[])[] {
  const rows: (readonly Span[])[] = [];
  for (let at = lines.length - below - 1; at >= 0 && rows.length < room; at--) {
    const text = lines[at] ?? "";
    rows.unshift(...(isWrapped ? wrapped(line(text, 0), Math.max(1, columns)) : [spansOf(text)]));
  }
  return rows.slice(-room);
}
