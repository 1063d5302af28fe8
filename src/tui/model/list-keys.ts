/** Keys of the list of routes. Pure. */

import { type Binding, change, everywhere, unchanged } from "./binding.ts";
import { bodyRows, filtered, leasedProfile, type Model, moved, opened, openedHubLog, selectable, type Step, withRows } from "./model.ts";
import { routeKeys } from "./route-keys.ts";
import { sortings } from "./rows.ts";

export const listKeys: readonly Binding[] = [
  { keys: ["up", "k"], help: ["↑ ↓", "move"], act: change((model) => moved(model, -1)) },
  { keys: ["down", "j"], act: change((model) => moved(model, 1)) },
  { keys: ["page-up"], help: ["PgUp PgDn", "move by a page"], act: change((model) => moved(model, -bodyRows(model))) },
  { keys: ["page-down", " "], act: change((model) => moved(model, bodyRows(model))) },
  { keys: ["home", "g"], help: ["Home End", "first and last route"], act: change((model) => moved(model, -selectable(model).length)) },
  { keys: ["end", "G"], act: change((model) => moved(model, selectable(model).length)) },
  { keys: ["enter", "right"], help: ["Enter", "look into the route"], hint: ["Enter", "detail"], act: change(opened) },
  { keys: ["/"], help: ["/", "filter: every word must be in a route"], hint: ["/", "filter"], act: change(filtering) },
  { keys: ["escape"], help: ["Esc", "take the filter away"], act: change((model) => filtered(model, "")) },
  { keys: ["s"], help: ["s", `sort by ${sortings.join(", ")}`], hint: ["s", "sort"], act: change(sortedNext) },
  ...routeKeys,
  { keys: ["L"], help: ["L", "log of the hub"], act: change(openedHubLog) },
  ...everywhere,
  { keys: ["q", "ctrl-c", "ctrl-d"], help: ["q", "quit"], hint: ["q", "quit"], act: quit },
];

function filtering(model: Model): Model {
  return { ...model, isFiltering: true };
}

function sortedNext(model: Model): Model {
  const sorting = sortings[(sortings.indexOf(model.sorting) + 1) % sortings.length] ?? "place";
  return withRows({ ...model, sorting });
}

/** Asked once, where it makes a difference: this view alone keeps its profile attached. */
export function quit(model: Model): Step {
  const leased = leasedProfile(model);
  const isAsked = leased !== undefined && !leased.pinned && leased.clients <= 1;
  return isAsked ? unchanged({ ...model, overlay: "leave" }) : { model, effects: [{ type: "quit", keepAttached: false }] };
}
