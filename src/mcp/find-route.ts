/** Finds the route that an agent names, among those of every attached profile. Pure. */

import * as v from "valibot";
import { KtError } from "#base/errors.ts";
import { nearest } from "#base/nearest.ts";
import { routeSchema, type ProfileStatus, type RouteStatus, type Snapshot } from "#control/api.ts";

/** A route with its profile. */
export const serviceSchema = v.object({ profile: v.string(), ...routeSchema.entries });

export interface FoundRoute {
  readonly profile: ProfileStatus;
  readonly route: RouteStatus;
}

export const profileInput = v.pipe(
  v.optional(v.string()),
  v.description("The path or the name of an attached profile; needed only where two have a route of that name."),
);
export const routeInput = v.pipe(v.string(), v.description("The name of a service, as list_services has it."));

/** By its path or its name. */
export function isProfile({ profile, name }: Pick<ProfileStatus, "profile" | "name">, asked: string): boolean {
  return profile === asked || name === asked;
}

/** Throws KtError `route-unknown`. */
export function findRoute({ profiles }: Snapshot, name: string, asked: string | undefined): FoundRoute {
  const here = profiles.filter((each) => asked === undefined || isProfile(each, asked));
  const found = here.flatMap((profile) => profile.routes.filter((route) => route.name === name).map((route) => ({ profile, route })));
  const [first, second] = found;
  if (first && second) {
    throw new KtError("route-unknown", `several profiles have a service "${name}"`, {
      hints: found.map(({ profile }) => `profile: "${profile.profile}"`),
    });
  }
  if (first) return first;
  throw unknownRoute(name, here);
}

function unknownRoute(name: string, profiles: readonly ProfileStatus[]): KtError {
  const names = profiles.flatMap(({ routes }) => routes.map((route) => route.name));
  const near = nearest(name, names);
  return new KtError("route-unknown", `no attached profile has a service "${name}"`, {
    hints: near === undefined ? ["call list_services"] : [`did you mean "${near}"?`],
  });
}
