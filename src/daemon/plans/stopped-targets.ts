/** Targets that the user has stopped: they are not connected to until the user starts them again, or the hub ends. */

import { KtError } from "#base/errors.ts";
import { formatTarget, type Target, targetKey } from "#route/target.ts";

export class StoppedTargets {
  readonly #keys = new Set<string>();

  add(target: Target): void {
    this.#keys.add(targetKey(target));
  }

  remove(target: Target): void {
    this.#keys.delete(targetKey(target));
  }

  has(target: Target): boolean {
    return this.#keys.size > 0 && this.#keys.has(targetKey(target));
  }

  /** Throws KtError `route-stopped`. */
  check(target: Target): void {
    if (!this.has(target)) return;
    throw new KtError("route-stopped", `"${formatTarget(target)}" was stopped`, { hints: ["kt tui, where x starts it again"] });
  }

  /** Of those that no route names any more nothing is kept. */
  retain(named: ReadonlySet<string>): void {
    for (const key of this.#keys) if (!named.has(key)) this.#keys.delete(key);
  }
}
