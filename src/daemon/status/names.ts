/** The names of a profile and where they lead on this machine, and reports when they change. */

import { deepEquals } from "bun";
import type { ReplyOf } from "#control/api.ts";
import type { DiscoveredName } from "#discovery/names.ts";
import { isWildcard } from "#profile/values/listen.ts";
import type { ListenAddress, Plan } from "#profile/values/plan.ts";

export type NameEntry = ReplyOf<"names">["entries"][number];

/** A service of a [[forward]]. */
type Forwarded = Pick<DiscoveredName, "address" | "names" | "ports">;

/** The hostnames of the routes lead to the front door. Patterns and dynamic names have no end, so no list has them. */
function namesOf({ http, routes }: Plan): NameEntry[] {
  const names = routes.map(({ host }) => host);
  const addresses = names.length === 0 ? [] : [...new Set(http.listen.map(ownHost))];
  return addresses.map((address) => ({ address, names }));
}

/** What listens everywhere is reached on loopback. */
export function ownHost(listen: ListenAddress): string {
  if (!isWildcard(listen)) return listen.host;
  return listen.host.includes(":") ? "::1" : "127.0.0.1";
}

/** Nothing of it where every port is what it is. */
function lowPortsOf(ports: Forwarded["ports"]): Pick<NameEntry, "lowPorts"> {
  const lowPorts = ports.flatMap(({ lowPort, localPort, transport }) => {
    return lowPort === undefined || transport !== undefined ? [] : [{ port: lowPort, localPort }];
  });
  return lowPorts.length === 0 ? {} : { lowPorts };
}

type Tell = (entries: NameEntry[]) => void;

export class NamesFeed {
  readonly #planOf: (profile: string) => Plan | undefined;
  readonly #forwardedOf: (profile: string) => readonly Forwarded[];
  readonly #looks = new Set<() => void>();

  /** `planOf` is undefined for a profile that is not attached; `forwardedOf` has the names of its [[forward]]s. */
  constructor(planOf: (profile: string) => Plan | undefined, forwardedOf: (profile: string) => readonly Forwarded[]) {
    this.#planOf = planOf;
    this.#forwardedOf = forwardedOf;
  }

  /** Something changed that names may follow from. */
  apply(): void {
    for (const look of this.#looks) look();
  }

  /** The names of a profile now; undefined for one that is not attached. */
  of(profile: string): NameEntry[] | undefined {
    const plan = this.#planOf(profile);
    return plan && [...namesOf(plan), ...this.#forwarded(profile, plan)];
  }

  /** Calls when something changed that names may follow from, until the returned function is called. */
  watch(look: () => void): () => void {
    this.#looks.add(look);
    return () => this.#looks.delete(look);
  }

  /** Services, by the cluster's names; a name that the profile gives to a route leads there. */
  #forwarded(profile: string, { routes }: Plan): NameEntry[] {
    const own = new Set(routes.map(({ host }) => host));
    const entries = this.#forwardedOf(profile).map(({ address, names, ports }) => {
      return { address, names: names.filter((name) => !own.has(name)), ...lowPortsOf(ports) };
    });
    return entries.filter(({ names }) => names.length > 0);
  }

  /** Reports the entries now and after every change, until the returned function is called; of a profile that is detached, no more. */
  follow(profile: string, tell: Tell): () => void {
    let last: NameEntry[] | undefined;
    const look = (): void => {
      const entries = this.of(profile);
      if (entries === undefined || deepEquals(entries, last)) return;
      last = entries;
      tell(entries);
    };
    look();
    return this.watch(look);
  }
}
