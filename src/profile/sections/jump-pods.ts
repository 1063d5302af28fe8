/** The pods that a profile makes for its jump hosts: one definition for each, which every route over that pod shares. */

import type { AddressTarget, JumpPodDefinition, Target } from "#route/target.ts";
import type { Placed } from "#profile/values/placed.ts";

/** A route as written, and where it leads when all is filled in. */
export interface JumpRoute {
  readonly place: Placed<{ readonly name: string }>;
  readonly target: Target;
}

interface Definition {
  readonly create: JumpPodDefinition;
  readonly route: string;
}

/** The pod that a target goes over; undefined where it goes over something else. */
function podOf(target: Target): string | undefined {
  if (target.via?.kind !== "pod") return undefined;
  return JSON.stringify([target.cluster.context, target.via.namespace, target.via.name]);
}

export class JumpPodDefinitions {
  readonly #definitions = new Map<string, Definition>();
  readonly #clashes: (() => void)[] = [];

  constructor(routes: readonly JumpRoute[]) {
    for (const { place, target } of routes) {
      const pod = podOf(target);
      if (pod === undefined || target.via?.create === undefined) continue;
      const { create, name } = target.via;
      const earlier = this.#definitions.get(pod);
      if (earlier === undefined) this.#definitions.set(pod, { create, route: place.value.name });
      else if (JSON.stringify(earlier.create) !== JSON.stringify(create)) {
        const message = `"${place.value.name}" makes the pod "${name}" in another way than "${earlier.route}"`;
        const hint = "write create in one of them, or give the pods two names";
        this.#clashes.push(() => place.source.problem([...place.path, "via", "create"], message, { hint }));
      }
    }
  }

  /** Reports routes that would make one pod in two ways. */
  reportClashes(): void {
    for (const report of this.#clashes) report();
  }

  /** A route that only names the pod uses it as another route makes it. */
  complete<T extends Target>(target: T): T | AddressTarget {
    const pod = podOf(target);
    const definition = pod === undefined ? undefined : this.#definitions.get(pod);
    if (definition === undefined || !target.via || target.via.container !== undefined) return target;
    return { ...target, via: { ...target.via, create: definition.create } };
  }
}
