/** What keys do: one table for each place where they mean something, from which the help is written. Pure. */

import type { Key, KeyName } from "./keys.ts";
import {
  bodyRows,
  type Effect,
  leasedProfile,
  type Model,
  moved,
  selectable,
  selectedRow,
  type Step,
  unchanged,
  withNotice,
  withRows,
} from "./model.ts";
import { sortings } from "./rows.ts";

type Press = KeyName | (string & {});

interface Binding {
  readonly keys: readonly Press[];
  /** For the help; those without it are other names of what is there. */
  readonly help?: readonly [keys: string, does: string];
  readonly act: (model: Model) => Step;
}

const change =
  (next: (model: Model) => Model) =>
  (model: Model): Step =>
    unchanged(next(model));

const list: readonly Binding[] = [
  { keys: ["up", "k"], help: ["↑ ↓", "move"], act: change((model) => moved(model, -1)) },
  { keys: ["down", "j"], act: change((model) => moved(model, 1)) },
  { keys: ["page-up"], help: ["PgUp PgDn", "move by a page"], act: change((model) => moved(model, -bodyRows(model))) },
  { keys: ["page-down", " "], act: change((model) => moved(model, bodyRows(model))) },
  { keys: ["home", "g"], help: ["Home End", "first and last route"], act: change((model) => moved(model, -selectable(model).length)) },
  { keys: ["end", "G"], act: change((model) => moved(model, selectable(model).length)) },
  { keys: ["/"], help: ["/", "filter: every word must be in a route"], act: change((model) => ({ ...model, isFiltering: true })) },
  { keys: ["escape"], help: ["Esc", "take the filter away"], act: change((model) => filtered(model, "")) },
  { keys: ["s"], help: ["s", `sort by ${sortings.join(", ")}`], act: change(sortedNext) },
  { keys: ["y"], help: ["y", "copy the URL or the address"], act: copy },
  { keys: ["o"], help: ["o", "open in the browser"], act: open },
  { keys: ["?", "h"], help: ["?", "help"], act: change((model) => ({ ...model, overlay: "help" })) },
  { keys: ["q", "ctrl-c", "ctrl-d"], help: ["q", "quit"], act: quit },
  { keys: ["ctrl-z"], help: ["Ctrl-Z", "suspend: fg comes back"], act: (model) => ({ model, effects: [{ type: "suspend" }] }) },
  { keys: ["ctrl-l"], help: ["Ctrl-L", "draw anew"], act: (model) => ({ model, effects: [{ type: "redraw" }] }) },
];

/** For the help, in the order of their importance. */
export const listHelp: readonly (readonly [keys: string, does: string])[] = list.flatMap(({ help }) => (help ? [help] : []));

export function pressed(model: Model, key: Key): Step {
  const quiet = { ...model, notice: undefined };
  if (quiet.overlay === "leave") return leaveKey(quiet, key);
  if (quiet.overlay === "help") return unchanged({ ...quiet, overlay: undefined });
  if (quiet.isFiltering) return filterKey(quiet, key);
  const press = pressOf(key);
  return list.find(({ keys }) => press !== undefined && keys.includes(press))?.act(quiet) ?? unchanged(quiet);
}

/** What is pasted is not a command. */
function pressOf(key: Key): Press | undefined {
  if ("name" in key) return key.name;
  return "typed" in key ? key.typed : undefined;
}

function filterKey(model: Model, key: Key): Step {
  if (!("name" in key)) return unchanged(filtered(model, model.filter + ("typed" in key ? key.typed : key.pasted)));
  switch (key.name) {
    case "enter":
    case "tab":
      return unchanged({ ...model, isFiltering: false });
    case "escape":
    case "ctrl-c":
      return unchanged({ ...filtered(model, ""), isFiltering: false });
    case "backspace":
      return unchanged(model.filter === "" ? { ...model, isFiltering: false } : filtered(model, [...model.filter].slice(0, -1).join("")));
    case "ctrl-u":
      return unchanged(filtered(model, ""));
    case "up":
    case "down":
      return unchanged(moved(model, key.name === "up" ? -1 : 1));
    default:
      return unchanged(model);
  }
}

/** Names have no line breaks; a longer filter than fits a name finds nothing. */
function filtered(model: Model, filter: string): Model {
  return withRows({ ...model, filter: filter.replace(/\s+/g, " ").slice(0, longestFilter) });
}

const longestFilter = 253;

function sortedNext(model: Model): Model {
  const sorting = sortings[(sortings.indexOf(model.sorting) + 1) % sortings.length] ?? "place";
  return withRows({ ...model, sorting });
}

function onSelected(model: Model, act: (url: string) => Step): Step {
  const row = selectedRow(model);
  return row ? act(row.route.url) : unchanged(model);
}

function copy(model: Model): Step {
  return onSelected(model, (text) => ({ model: withNotice(model, `copied ${text}`), effects: [{ type: "copy", text }] }));
}

function open(model: Model): Step {
  return onSelected(model, (url) => {
    if (!url.includes("://")) return unchanged(withNotice(model, `there is no page at ${url}`, "yellow"));
    return { model: withNotice(model, `opened ${url}`), effects: [{ type: "open", url }] };
  });
}

/** Asked once, where it makes a difference: this view alone keeps its profile attached. */
function quit(model: Model): Step {
  const leased = leasedProfile(model);
  return leased === undefined || leased.pinned || leased.clients > 1
    ? { model, effects: [leaving(false)] }
    : unchanged({ ...model, overlay: "leave" });
}

const leaving = (keepAttached: boolean): Effect => ({ type: "quit", keepAttached });

function leaveKey(model: Model, key: Key): Step {
  switch (pressOf(key)) {
    case "y":
    case "Y":
      return { model, effects: [leaving(true)] };
    case "n":
    case "N":
    case "q":
    case "enter":
    case "ctrl-c":
      return { model, effects: [leaving(false)] };
    case "escape":
      return unchanged({ ...model, overlay: undefined });
    default:
      return unchanged(model);
  }
}
