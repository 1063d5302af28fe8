/** What an uplink serves: the targets of its document by key, and for a while those that left it. */

import type { Clock } from "#base/clock.ts";
import type { UplinkTarget } from "#expose/host/uplink-document.ts";
import type { TargetKey } from "#wire/uplink-frame.ts";
import { uplinkLimits } from "#uplink/limits.ts";

interface Served {
  readonly target: UplinkTarget;
  /** Forgets that it will be dropped; undefined while the document has it. */
  cancelEnd: (() => void) | undefined;
}

export class Targets {
  readonly #served = new Map<TargetKey, Served>();
  readonly #clock: Clock;
  readonly #onChange: () => void;

  /** `onChange`: other keys are served than before. */
  constructor(clock: Clock, onChange: () => void) {
    this.#clock = clock;
    this.#onChange = onChange;
  }

  /** In the order in which they came. */
  get keys(): TargetKey[] {
    return [...this.#served.keys()];
  }

  get(key: TargetKey, protocol: UplinkTarget["protocol"]): UplinkTarget | undefined {
    const target = this.#served.get(key)?.target;
    return target?.protocol === protocol ? target : undefined;
  }

  /** The targets of a newer document. */
  replace(targets: readonly UplinkTarget[]): void {
    const wanted = new Map(targets.map((target) => [target.key, target]));
    const isSame = targets.every(({ key }) => this.#served.has(key));
    for (const [key, target] of wanted) {
      this.#served.get(key)?.cancelEnd?.();
      this.#served.set(key, { target, cancelEnd: undefined });
    }
    for (const [key, served] of this.#served) if (!wanted.has(key)) served.cancelEnd ??= this.#endLater(key);
    if (!isSame) this.#onChange();
  }

  close(): void {
    for (const { cancelEnd } of this.#served.values()) cancelEnd?.();
    this.#served.clear();
  }

  #endLater(key: TargetKey): () => void {
    return this.#clock.after(uplinkLimits.retiredTargetMs, () => {
      this.#served.delete(key);
      this.#onChange();
    });
  }
}
