/** Keys that act on a route: the selected one of the list, or the one in the detail. Pure. */

import type { RouteAction } from "#control/api.ts";
import { type Binding, change, unchanged } from "./binding.ts";
import { type Model, openedPodLog, selectedRow, type Step, withNotice } from "./model.ts";
import type { RouteRow } from "./rows.ts";

export const routeKeys: readonly Binding[] = [
  { keys: ["l"], help: ["l", "log of its pods"], hint: ["l", "log"], act: change(openedPodLog) },
  { keys: ["r"], help: ["r", "reconnect: ends what is open"], hint: ["r", "reconnect"], act: (model) => acted(model, "reconnect") },
  { keys: ["x"], help: ["x", "stop it, or start it again"], hint: ["x", "stop"], act: stopOrStart },
  { keys: ["y"], help: ["y", "copy its URL or address"], act: copy },
  { keys: ["o"], help: ["o", "open it in the browser"], act: open },
];

const doing: Readonly<Record<RouteAction, string>> = { reconnect: "reconnecting", stop: "stopping", start: "starting" };

function onRoute(model: Model, act: (row: RouteRow) => Step): Step {
  const row = selectedRow(model);
  return row ? act(row) : unchanged(model);
}

function acted(model: Model, action: RouteAction): Step {
  return onRoute(model, ({ profile: { profile }, route: { name } }) => ({
    model: withNotice(model, `${doing[action]} ${name}`, "yellow"),
    effects: [{ type: "act", action, profile, route: name }],
  }));
}

function stopOrStart(model: Model): Step {
  return acted(model, selectedRow(model)?.route.state === "stopped" ? "start" : "stop");
}

function copy(model: Model): Step {
  return onRoute(model, ({ route: { url } }) => ({ model: withNotice(model, `copied ${url}`), effects: [{ type: "copy", text: url }] }));
}

function open(model: Model): Step {
  return onRoute(model, ({ route: { url } }) => {
    if (!url.includes("://")) return unchanged(withNotice(model, `there is no page at ${url}`, "yellow"));
    return { model: withNotice(model, `opened ${url}`), effects: [{ type: "open", url }] };
  });
}
