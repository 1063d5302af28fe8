/** What a key does: where it was pressed decides. Pure. */

import { type Binding, pressOf, unchanged } from "./binding.ts";
import { detailKeys } from "./detail-keys.ts";
import type { Key } from "./keys.ts";
import { listKeys } from "./list-keys.ts";
import { logKeys } from "./log-keys.ts";
import { type Effect, filtered, type Model, moved, type Step } from "./model.ts";

/** Those of the view that is shown. */
export function bindingsOf({ log, detail }: Model): readonly Binding[] {
  if (log) return logKeys;
  return detail ? detailKeys : listKeys;
}

export function pressed(model: Model, key: Key): Step {
  const quiet = { ...model, notice: undefined };
  if (quiet.overlay === "leave") return leaveKey(quiet, key);
  if (quiet.overlay === "help") return unchanged({ ...quiet, overlay: undefined });
  if (quiet.isFiltering) return unchanged(filterKey(quiet, key));
  const press = pressOf(key);
  return (
    bindingsOf(quiet)
      .find(({ keys }) => press !== undefined && keys.includes(press))
      ?.act(quiet) ?? unchanged(quiet)
  );
}

function filterKey(model: Model, key: Key): Model {
  if (!("name" in key)) return filtered(model, model.filter + ("typed" in key ? key.typed : key.pasted));
  switch (key.name) {
    case "enter":
    case "tab":
      return { ...model, isFiltering: false };
    case "escape":
    case "ctrl-c":
      return { ...filtered(model, ""), isFiltering: false };
    case "backspace":
      return model.filter === "" ? { ...model, isFiltering: false } : filtered(model, [...model.filter].slice(0, -1).join(""));
    case "ctrl-u":
      return filtered(model, "");
    case "up":
    case "down":
      return moved(model, key.name === "up" ? -1 : 1);
    default:
      return model;
  }
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
