/** The two addresses that a program which says `localhost` may reach: they are opened together or not at all. Pure. */

import { formatListen } from "#profile/values/listen.ts";
import type { ListenAddress } from "#profile/values/plan.ts";
import type { Wanted } from "./wanted.ts";

const faces: Readonly<Record<string, string>> = { "127.0.0.1": "::1", "::1": "127.0.0.1" };

/** The same port of the other family's `localhost`. */
export function otherFace({ host, port }: ListenAddress): ListenAddress | undefined {
  const face = faces[host];
  return face === undefined ? undefined : { host: face, port };
}

/** The address that belongs to this one, where the same route, or the same profiles' front door, is wanted on both. */
export function partnerOf(address: ListenAddress, { http, tcp }: Wanted): string | undefined {
  const other = otherFace(address);
  if (!other) return undefined;
  const [here, there] = [formatListen(address), formatListen(other)];
  const [route, otherRoute] = [tcp.get(here), tcp.get(there)];
  const sameRoute = route !== undefined && route.profile === otherRoute?.profile && route.route === otherRoute.route;
  const [door, otherDoor] = [http.get(here), http.get(there)];
  const sameDoor =
    door !== undefined && door.plans.length === otherDoor?.plans.length && door.plans.every((plan, at) => plan === otherDoor.plans[at]);
  return sameRoute || sameDoor ? there : undefined;
}

/** Addresses of one list, those that belong together side by side. */
export function byFaces(listen: readonly ListenAddress[]): ListenAddress[][] {
  const groups: ListenAddress[][] = [];
  for (const address of listen) {
    const other = otherFace(address);
    const group = groups.find(([first]) => other && first?.host === other.host && first.port === other.port);
    if (group) group.push(address);
    else groups.push([address]);
  }
  return groups;
}
