/** What is done to one route from several places: by keys and by buttons. */

import type { App } from "#dashboard/state/app.ts";
import type { RouteRef } from "#dashboard/model/place.ts";
import { findRoute, pageOf } from "#dashboard/model/routes.ts";
import { copy } from "#dashboard/ui/copy.ts";

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

/** Stops it, or starts it again. */
export async function toggle(app: App, ref: RouteRef): Promise<void> {
  const state = findRoute(app.state.snapshot, ref)?.route.state;
  await app.act(state === "stopped" ? "start" : "stop", ref);
}
