/** The two addresses that a program which says `localhost` may reach: they are opened together or not at all. Pure. */

import { formatListen } from "#profile/values/listen.ts";
import type { ListenAddress } from "#profile/values/plan.ts";
import { samePlans, type Wanted, type WantedListener } from "./wanted.ts";

const faces: Readonly<Record<string, string>> = { "127.0.0.1": "::1", "::1": "127.0.0.1" };

/** The same port of the other family's `localhost`. */
export function otherFace(address: ListenAddress): ListenAddress | undefined {
  const face = faces[address.host];
  return face === undefined ? undefined : { ...address, host: face };
}

/** The address that belongs to this one, where the same route, or the same profiles' hostnames, are wanted on both. */
export function partnerOf(address: ListenAddress, { listeners }: Wanted): string | undefined {
  const other = otherFace(address);
  if (!other) return undefined;
  const key = formatListen(other);
  const [here, there] = [listeners.get(formatListen(address)), listeners.get(key)];
  return here && there && belongTogether(here, there) ? key : undefined;
}

function belongTogether(here: WantedListener, there: WantedListener): boolean {
  if (here.kind === "port")
    return there.kind === "port" && here.leadsTo.profile === there.leadsTo.profile && here.leadsTo.route === there.leadsTo.route;
  return here.kind === "names" && there.kind === "names" && samePlans(here.plans, there.plans);
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
