/** The status as a client has it, put together from the changes that the hub sends. */

import { KtError } from "#base/errors.ts";
import type { HubStatus, ProfileStatus, ReplyOf, Snapshot } from "./api.ts";

type Changes = ReplyOf<"changes">;

export class StatusView {
  #hub: HubStatus | undefined;
  readonly #profiles = new Map<number, Changes["profiles"][number]>();
  readonly #routes = new Map<number, Changes["routes"][number]>();

  apply({ isAnew, hub, profiles, routes, removed }: Changes): void {
    if (isAnew) for (const parts of [this.#profiles, this.#routes]) parts.clear();
    this.#hub = hub ?? this.#hub;
    for (const profile of profiles) this.#profiles.set(profile.id, profile);
    for (const route of routes) this.#routes.set(route.id, route);
    for (const id of removed) if (!this.#routes.delete(id)) this.#profiles.delete(id);
  }

  /** Only consistent after changes that were complete. */
  snapshot(): Snapshot {
    if (!this.#hub) throw new KtError("protocol", "the hub sent no status of its own");
    const routes = Map.groupBy(inOrder(this.#routes), ({ profile }) => profile);
    const profiles = inOrder(this.#profiles).map(
      ({ profile }): ProfileStatus => ({ ...profile, routes: (routes.get(profile.profile) ?? []).map(({ route }) => route) }),
    );
    return { hub: this.#hub, profiles };
  }
}

function inOrder<Part extends { readonly order: number }>(parts: ReadonlyMap<number, Part>): Part[] {
  return [...parts.values()].sort((one, other) => one.order - other.order);
}
