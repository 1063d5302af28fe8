/** The status as a client has it, put together from the changes that the hub sends. */

import { KtError } from "#base/errors.ts";
import type { ProfileStatus, ReplyOf, Snapshot, StatusPart } from "./api.ts";

type PartOf<Name extends StatusPart["part"]> = Extract<StatusPart, { part: Name }>;

export class StatusView {
  readonly #parts = new Map<number, StatusPart>();

  apply({ isAnew, changed, removed }: ReplyOf<"changes">): void {
    if (isAnew) this.#parts.clear();
    for (const { id, value } of changed) this.#parts.set(id, value);
    for (const id of removed) this.#parts.delete(id);
  }

  /** Only consistent after changes that were complete. */
  snapshot(): Snapshot {
    const [hub] = this.#all("hub");
    if (!hub) throw new KtError("protocol", "the hub sent no status of its own");
    const routes = Map.groupBy(inOrder(this.#all("route")), ({ profile }) => profile);
    const profiles = inOrder(this.#all("profile")).map(
      ({ profile }): ProfileStatus => ({ ...profile, routes: (routes.get(profile.profile) ?? []).map(({ route }) => route) }),
    );
    return { hub: hub.hub, profiles };
  }

  #all<Name extends StatusPart["part"]>(name: Name): PartOf<Name>[] {
    return [...this.#parts.values()].filter((part): part is PartOf<Name> => part.part === name);
  }
}

function inOrder<Part extends { readonly order: number }>(parts: Part[]): Part[] {
  return parts.sort((one, other) => one.order - other.order);
}
