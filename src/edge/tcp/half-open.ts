/** Connections that have yet to show what they want, or who they are: bounded in number and in time. */

import type { Clock } from "#base/clock.ts";
import { edgeLimits } from "#edge/limits.ts";

export type HalfOpenEnd = "late" | "evicted";

interface Waiting {
  readonly cut: (why: HalfOpenEnd) => void;
  readonly cancel: () => void;
}

/** Where there are too many, the oldest goes: a flood of silent clients shortens the time that others have, and keeps none of them out. */
export class HalfOpen {
  readonly #clock: Clock;
  /** Oldest first. */
  readonly #waiting = new Set<Waiting>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  get size(): number {
    return this.#waiting.size;
  }

  /** `cut` is called once, unless the function that is returned was called before. */
  enter(cut: (why: HalfOpenEnd) => void): () => void {
    if (this.#waiting.size >= edgeLimits.halfOpen) this.#evictOldest();
    const waiting: Waiting = { cut, cancel: this.#clock.after(edgeLimits.halfOpenMs, () => this.#end(waiting, "late")) };
    this.#waiting.add(waiting);
    return () => {
      waiting.cancel();
      this.#waiting.delete(waiting);
    };
  }

  #evictOldest(): void {
    const [oldest] = this.#waiting;
    if (oldest) this.#end(oldest, "evicted");
  }

  #end(waiting: Waiting, why: HalfOpenEnd): void {
    waiting.cancel();
    this.#waiting.delete(waiting);
    waiting.cut(why);
  }
}
