/** Models of the full-screen view for tests, and what their pictures look like. */

import type { ProfileStatus, RequestEntry, RouteStatus, Snapshot } from "#control/api.ts";
import type { Key, KeyName } from "#tui/model/keys.ts";
import { pressed } from "#tui/model/keymap.ts";
import { type Effect, firstModel, type Model, type Size, withSnapshot } from "#tui/model/model.ts";
import type { Picture } from "#tui/view/picture.ts";
import { view } from "#tui/view/view.ts";

export function route(name: string, more: Partial<RouteStatus> = {}): RouteStatus {
  return {
    kind: "http",
    name,
    url: `http://${name}:8989/`,
    target: `shop/svc/${name.split(".")[0]}:http`,
    state: "idle",
    pods: [],
    openConnections: 0,
    totalConnections: 0,
    failures: 0,
    requests: 0,
    receivedBytes: 0,
    sentBytes: 0,
    ...more,
  };
}

export function requestEntry(more: Partial<RequestEntry>): RequestEntry {
  const of = { atMs: 0, profile: "/p/tunnels.toml", route: "web.localhost", name: "web.localhost", protocol: "HTTP/1.1" as const };
  return { ...of, method: "GET", path: "/", status: 200, durationMs: 1, sentBytes: 0, receivedBytes: 3, ...more };
}

export function profile(routes: RouteStatus[], more: Partial<ProfileStatus> = {}): ProfileStatus {
  return {
    profile: "/p/tunnels.toml",
    name: "shop",
    context: "dev",
    pinned: false,
    clients: 1,
    listeners: [],
    warnings: [],
    ...more,
    routes,
  };
}

export function snapshot(...profiles: ProfileStatus[]): Snapshot {
  return { hub: { protocol: 2, version: "0.1.0", commit: "abc", pid: 1, startedAtMs: 0 }, profiles };
}

export function model(shown: Snapshot, size: Size = { columns: 80, rows: 16 }, lease?: string): Model {
  return withSnapshot(firstModel(size, lease), shown);
}

export function after(start: Model, ...keys: readonly Key[]): { readonly model: Model; readonly effects: readonly Effect[] } {
  return keys.reduce<{ model: Model; effects: readonly Effect[] }>(
    ({ model: before, effects }, key) => {
      const step = pressed(before, key);
      return { model: step.model, effects: [...effects, ...step.effects] };
    },
    { model: start, effects: [] },
  );
}

export const key = (name: KeyName): Key => ({ name });
export const typed = (text: string): Key[] => [...text].map((character) => ({ typed: character }));

export const textOf = (picture: Picture): string[] => picture.map(({ spans }) => spans.map(({ text }) => text).join(""));

/** What is seen, without the blanks at the ends of rows. */
export const seen = (shown: Model): string[] => textOf(view(shown)).map((row) => row.trimEnd());
