/** The names of a profile and where they lead on this machine, and reports when they change. */

import { deepEquals } from "bun";
import type { ReplyOf } from "#control/api.ts";
import { isWildcard } from "#profile/values/listen.ts";
import type { ListenAddress, Plan } from "#profile/values/plan.ts";

export type NameEntry = ReplyOf<"names">["entries"][number];

/** The hostnames of the routes lead to the front door. Patterns and dynamic names have no end, so no list has them. */
function namesOf({ http, routes }: Plan): NameEntry[] {
  const names = routes.map(({ host }) => host);
  const addresses = names.length === 0 ? [] : [...new Set(http.listen.map(ownHost))];
  return addresses.map((address) => ({ address, names }));
}

/** What listens everywhere is reached on loopback. */
function ownHost(listen: ListenAddress): string {
  if (!isWildcard(listen)) return listen.host;
  return listen.host.includes(":") ? "::1" : "127.0.0.1";
}

type Tell = (entries: NameEntry[]) => void;

export class NamesFeed {
  readonly #planOf: (profile: string) => Plan | undefined;
  readonly #looks = new Set<() => void>();

  /** `planOf` is undefined for a profile that is not attached. */
  constructor(planOf: (profile: string) => Plan | undefined) {
    this.#planOf = planOf;
  }

  /** Something changed that names may follow from. */
  apply(): void {
    for (const look of this.#looks) look();
  }

  /** Reports the entries now and after every change, until the returned function is called; of a profile that is detached, no more. */
  follow(profile: string, tell: Tell): () => void {
    let last: NameEntry[] | undefined;
    const look = (): void => {
      const plan = this.#planOf(profile);
      const entries = plan && namesOf(plan);
      if (entries === undefined || deepEquals(entries, last)) return;
      last = entries;
      tell(entries);
    };
    this.#looks.add(look);
    look();
    return () => this.#looks.delete(look);
  }
}
