/** What another tool's file is converted to: routes, settings, and what could not be converted. */

import { KtError, messageOf } from "#base/errors.ts";
import { normaliseHostname } from "#base/hostname.ts";
import { addRoute, type NewRoute } from "#profile/edit/edit.ts";
import { parseListen } from "#profile/values/listen.ts";
import { tomlString } from "#profile/toml/text.ts";
import { parseAddress } from "#route/address-text.ts";
import { parseTarget } from "#route/target-text.ts";

export interface Converted {
  /** Of the whole profile. */
  readonly settings: Readonly<Record<string, string>>;
  /** Of its [http] table. */
  readonly http: Readonly<Record<string, string>>;
  readonly routes: readonly ConvertedRoute[];
  readonly left: readonly Left[];
}

export interface ConvertedRoute extends NewRoute {
  /** Where it stands in the other file. */
  readonly place: string;
}

/** Something that is not converted, and why. */
export interface Left {
  readonly place: string;
  readonly why: string;
}

/** The profile, and all that is not in it. A route that kt would refuse is left out with its reason. */
export function profileOfConverted(converted: Converted, from: string): { readonly text: string; readonly left: readonly Left[] } {
  const { routes, shared } = withSharedContext(converted.routes);
  const pairs = (table: Readonly<Record<string, string>>): string[] =>
    Object.entries(table).map(([key, value]) => `${key} = ${tomlString(value)}`);
  const http = Object.keys(converted.http).length === 0 ? [] : ["", "[http]", ...pairs(converted.http)];
  const left = [...converted.left];
  let text = `${[`# Made by kt init --from ${from}`, ...pairs({ ...shared, ...converted.settings }), ...http].join("\n")}\n`;
  const places = new Map<string, string>();
  for (const { place, ...route } of routes) {
    try {
      const earlier = places.get(route.name);
      if (earlier !== undefined) throw new KtError("route-conflict", `"${route.name}" is taken already, by ${earlier}`);
      checkRoute(route);
      if (route.section === "tcp" && portOf(route.name) === portOf(converted.http["listen"] ?? usualListen))
        throw new KtError(
          "route-conflict",
          `"${route.name}" is the port of all hostnames here: choose another one, or another [http] listen`,
        );
      places.set(route.name, place);
      text = addRoute(text, route);
    } catch (error) {
      left.push({ place, why: messageOf(error) });
    }
  }
  return { text, left };
}

const usualListen = "8989";

function portOf(listen: string): string {
  return listen.slice(listen.lastIndexOf(":") + 1);
}

/** One context for all is the profile's. */
function withSharedContext(routes: readonly ConvertedRoute[]): { routes: readonly ConvertedRoute[]; shared: Record<string, string> } {
  const [context, ...others] = new Set(routes.map(({ settings }) => settings["context"]));
  if (typeof context !== "string" || others.length > 0) return { routes, shared: {} };
  return { shared: { context }, routes: routes.map((route) => ({ ...route, settings: without(route.settings, "context") })) };
}

function without(settings: NewRoute["settings"], key: string): NewRoute["settings"] {
  return Object.fromEntries(Object.entries(settings).filter(([name]) => name !== key));
}

/** Throws KtError `profile-invalid`. */
function checkRoute({ section, name, target, settings }: NewRoute): void {
  if (section === "tcp") parseListen(name);
  else if (normaliseHostname(name) === undefined) throw new KtError("profile-invalid", `"${name}" is not a valid hostname`);
  if (settings["via"] === undefined) parseTarget(target);
  else parseAddress(target);
}
