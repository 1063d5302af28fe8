/** What is done to one route from several places: by keys and by buttons. */

import type { PodStatus } from "#control/api.ts";
import type { App } from "#dashboard/state/app.ts";
import { read } from "#dashboard/hub/api.ts";
import type { RouteRef } from "#dashboard/model/place.ts";
import { findRoute, pageOf } from "#dashboard/model/routes.ts";
import { copy } from "#dashboard/ui/copy.ts";
import { likeliest } from "#tui/model/pods.ts";

export async function copyUrl(app: App, ref: RouteRef): Promise<void> {
  const url = findRoute(app.state.snapshot, ref)?.route.url;
  if (url === undefined) return;
  await copy(url);
  app.notify(`copied ${url}`);
}

export function openPage(app: App, ref: RouteRef): void {
  const found = findRoute(app.state.snapshot, ref);
  const page = found && pageOf(found.route);
  if (page === undefined) app.notify(`${ref.route} has no page to open`, true);
  else window.open(page, "_blank", "noopener,noreferrer");
}

/** Of what the user most likely wants to read: the pod in trouble, else the one that answers. */
export async function openLog(app: App, ref: RouteRef): Promise<void> {
  try {
    const pods = await read<{ pods: PodStatus[] }>("pods", { ...ref });
    const log = likeliest(pods, findRoute(app.state.snapshot, ref)?.route.pod);
    if (log) app.go({ view: "routes", route: ref, log });
    else app.notify(`${ref.route} has no pod whose log could be read`, true);
  } catch (error) {
    app.failed(error);
  }
}

/** Stops it, or starts it again. */
export async function toggle(app: App, ref: RouteRef): Promise<void> {
  const state = findRoute(app.state.snapshot, ref)?.route.state;
  await app.act(state === "stopped" ? "start" : "stop", ref);
}
