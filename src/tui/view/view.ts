/** The picture of a model: as many rows as the window has, each exactly as wide. Pure. */

import { bold, cyan, dim, type Text } from "#base/text.ts";
import { tuiLimits } from "#tui/limits.ts";
import { bindingsOf } from "#tui/model/keymap.ts";
import { leasedProfile, type Model } from "#tui/model/model.ts";
import { detailPicture } from "./detail.ts";
import { logPicture } from "./log.ts";
import { cell } from "./cells.ts";
import { footing, heading } from "./frame.ts";
import { listPicture } from "./list.ts";
import { blank, type Picture, row } from "./picture.ts";

export function view(model: Model): Picture {
  const { columns, rows } = model.size;
  if (columns < tuiLimits.leastColumns || rows < tuiLimits.leastRows) return tooSmall(model);
  if (model.overlay === "help") return whole(helpText(model), model);
  if (model.overlay === "leave") return whole(leaveText(model), model);
  return [heading(model), ...body(model), ...footing(model)];
}

function body(model: Model): Picture {
  const { log, detail } = model;
  if (log) return logPicture(model, log);
  return detail ? detailPicture(model, detail) : listPicture(model);
}

/** Broken anywhere: the window may be five columns wide. */
function tooSmall({ size: { columns, rows } }: Model): Picture {
  const { leastColumns, leastRows } = tuiLimits;
  const said = `this window is ${columns}x${rows}, and kt needs ${leastColumns}x${leastRows}`;
  return Array.from({ length: rows }, (_, at) => row(said.slice(at * columns, (at + 1) * columns), columns));
}

/** Lines that have the window to themselves; what does not fit is left out. */
function whole(lines: readonly Text[], { size: { columns, rows } }: Model): Picture {
  return Array.from({ length: rows }, (_, at) => (lines[at] === undefined ? blank(columns) : row(lines[at], columns)));
}

function helpText(model: Model): Text[] {
  const help = bindingsOf(model).flatMap(({ help: each }) => (each ? [each] : []));
  const keys = help.map(([key, does]): Text => ["  ", cell(cyan(key), 11), does]);
  return ["", ["  ", bold("Keys")], ...keys, "", ["  ", dim("any key goes back")]];
}

function leaveText(model: Model): Text[] {
  return [
    "",
    ["  ", bold(`Leave ${leasedProfile(model)?.name ?? "the profile"} attached?`)],
    "",
    ["  ", cell(cyan("y"), 4), "yes: it serves until kt down"],
    ["  ", cell(cyan("n"), 4), "no: it is detached now (Enter, q)"],
    ["  ", cell(cyan("Esc"), 4), "go back"],
  ];
}
