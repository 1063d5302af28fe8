/** Keys of the detail of a route. Pure. */

import { type Binding, change, everywhere } from "./binding.ts";
import { quit } from "./list-keys.ts";
import { bodyRows, type Model } from "./model.ts";
import { routeKeys } from "./route-keys.ts";

export const detailKeys: readonly Binding[] = [
  { keys: ["escape", "q", "left", "backspace"], help: ["Esc q", "back to the list"], hint: ["Esc", "back"], act: change(closed) },
  { keys: ["up", "k"], help: ["↑ ↓", "scroll"], act: change((model) => scrolled(model, -1)) },
  { keys: ["down", "j"], act: change((model) => scrolled(model, 1)) },
  { keys: ["page-up"], help: ["PgUp PgDn", "scroll by a page"], act: change((model) => scrolled(model, -bodyRows(model))) },
  { keys: ["page-down", " "], act: change((model) => scrolled(model, bodyRows(model))) },
  { keys: ["home", "g"], help: ["Home", "to the top"], act: change((model) => scrolled(model, Number.NEGATIVE_INFINITY)) },
  ...routeKeys,
  ...everywhere,
  { keys: ["ctrl-c", "ctrl-d"], help: ["Ctrl-C", "quit"], act: quit },
];

function closed(model: Model): Model {
  return { ...model, detail: undefined, pods: undefined };
}

/** The view knows where its end is. */
function scrolled(model: Model, by: number): Model {
  const { detail } = model;
  return detail ? { ...model, detail: { ...detail, top: Math.max(0, detail.top + by) } } : model;
}
