/** Finds the attached profiles that `kt status NAME` and `kt down NAME` name. */

import { KtError } from "#base/errors.ts";
import { nearest } from "#base/nearest.ts";
import { command, shellQuoted } from "#base/shell.ts";
import type { ProfileStatus } from "#control/api.ts";

/** The attached profile of that name. Throws KtError for none, and where several have it. */
export function profileNamed(profiles: readonly ProfileStatus[], name: string): ProfileStatus {
  const [found, ...others] = profiles.filter((profile) => profile.name === name);
  if (found === undefined) throw notAttached(profiles, name, "kt down");
  if (others.length === 0) return found;
  const hints = [found, ...others].map(({ profile }) => command`kt down -f ${profile}`);
  throw new KtError("usage", `${others.length + 1} attached profiles have the name "${name}"`, { hints });
}

/** The profiles of that name whole, else those with a route of that name, and only it. Throws KtError `route-unknown`. */
export function onlyNamed(profiles: readonly ProfileStatus[], name: string): readonly ProfileStatus[] {
  const named = profiles.filter((profile) => profile.name === name);
  if (named.length > 0) return named;
  const filtered = profiles.map((profile) => ({ ...profile, routes: profile.routes.filter((route) => route.name === name) }));
  const found = filtered.filter(({ routes }) => routes.length > 0);
  if (found.length > 0) return found;
  throw notAttached(profiles, name, "kt status");
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
