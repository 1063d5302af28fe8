/** Which settings new connections of each binding get: those of the plan, or the former ones until an uplink serves what is wanted. */

import type { EdgeBinding } from "#expose/host/edge-document.ts";

interface Entry {
  wanted: EdgeBinding;
  /** What new connections get. */
  current: EdgeBinding;
}

export class Bindings {
  readonly #entries = new Map<string, Entry>();

  /** Follows a plan: a binding that is not in it gets no connections from now on. */
  want(bindings: readonly EdgeBinding[]): void {
    const ids = new Set(bindings.map(({ id }) => id));
    for (const id of this.#entries.keys()) if (!ids.has(id)) this.#entries.delete(id);
    for (const wanted of bindings) {
      const entry = this.#entries.get(wanted.id);
      if (entry) entry.wanted = wanted;
      else this.#entries.set(wanted.id, { wanted, current: wanted });
    }
  }

  /**
   * Takes what is wanted wherever it can be served. While no uplink serves the target that is wanted, the former one is better than none;
   * where none serves that either, what is wanted waits in its place.
   */
  settle(isServed: (binding: EdgeBinding) => boolean): void {
    for (const entry of this.#entries.values()) {
      const { wanted, current } = entry;
      if (isServed(wanted) || !isServed(current)) entry.current = wanted;
    }
  }

  /** A binding that has what it wants comes before one that has yet to leave the same port. */
  get current(): EdgeBinding[] {
    const all = [...this.#entries.values()];
    const isSettled = ({ wanted, current }: Entry): boolean => wanted === current;
    return [...all.filter(isSettled), ...all.filter((entry) => !isSettled(entry))].map(({ current }) => current);
  }

  /** In the order of the plan. */
  get all(): readonly Readonly<Entry>[] {
    return [...this.#entries.values()];
  }
}
