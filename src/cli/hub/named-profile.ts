/** Finds the attached profiles that `kt status NAME` and `kt down NAME` name. */

import { KtError } from "#base/errors.ts";
import { nearest } from "#base/nearest.ts";
import { command, shellQuoted } from "#base/shell.ts";
import type { ProfileStatus, RouteStatus } from "#control/api.ts";

/** The attached profile of that name. Throws KtError for none, and where several have it. */
export function profileNamed(profiles: readonly ProfileStatus[], name: string): ProfileStatus {
  const [found, ...others] = profiles.filter((profile) => profile.name === name);
  if (found === undefined) throw notAttached(profiles, name, "kt down");
  if (others.length === 0) return found;
  const hints = [found, ...others].map(({ profile }) => command`kt down -f ${profile}`);
  throw new KtError("usage", `${others.length + 1} attached profiles have the name "${name}"`, { hints });
}

/**
 * The profiles of that name, whole; else those with routes of that name, and only these routes. A namespace counts as the name of its
 * routes, and a service as that of all its ports. Throws KtError `route-unknown`.
 */
export function onlyNamed(profiles: readonly ProfileStatus[], name: string): readonly ProfileStatus[] {
  const named = profiles.filter((profile) => profile.name === name);
  if (named.length > 0) return named;
  const filtered = profiles.map((profile) => onlyRoutes(profile, name));
  const found = filtered.filter(({ routes }) => routes.length > 0);
  if (found.length > 0) return found;
  throw notAttached(profiles, name, "kt status");
}

function onlyRoutes(profile: ProfileStatus, name: string): ProfileStatus {
  const routes = profile.routes.filter((route) => namesOf(route).includes(name));
  const kept = new Set(routes.map(({ forwarded }) => forwarded?.namespace));
  const namespaces = profile.namespaces?.filter(({ namespace }) => kept.has(namespace));
  return { ...profile, routes, ...(namespaces && { namespaces }) };
}

function namesOf({ name, forwarded }: RouteStatus): string[] {
  return forwarded === undefined ? [name] : [name, name.slice(0, name.lastIndexOf(":")), forwarded.namespace];
}

function notAttached(profiles: readonly ProfileStatus[], name: string, command: string): KtError {
  const isOfRoutes = command === "kt status";
  const known = profiles.flatMap((profile) => [profile.name, ...(isOfRoutes ? profile.routes.map((route) => route.name) : [])]);
  const near = nearest(name, known);
  const what = isOfRoutes ? "profile or route of an attached one" : "attached profile";
  return new KtError("route-unknown", `there is no ${what} with the name "${name}"`, {
    hints: [near === undefined ? "kt status" : `${command} ${shellQuoted(near)}`],
  });
}
