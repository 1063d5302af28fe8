/** How fast names that no profile has may be tried: each that leads nowhere costs the cluster a request. */

import type { Clock } from "#base/clock.ts";
import { KtError } from "#base/errors.ts";
import { daemonLimits } from "#daemon/limits.ts";

interface Waiter {
  readonly go: () => void;
  readonly signal: AbortSignal;
}

/** One permit for each name under trial. A name that leads somewhere gives it back; the others come back with time. */
export class NewNames {
  readonly #clock: Clock;
  #permits: number = daemonLimits.newNames;
  readonly #waiting: Waiter[] = [];
  #cancelRefill: (() => void) | undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Resolves when the name may be tried. Rejects with KtError `too-many-names` when too many wait already, or as `signal` does. */
  take(signal: AbortSignal): Promise<void> {
    this.#refillLater();
    if (this.#permits > 0) {
      this.#permits -= 1;
      return Promise.resolve();
    }
    if (this.#waiting.length >= daemonLimits.newNamesWaiting) return Promise.reject(tooMany());
    return new Promise((go, reject) => {
      this.#waiting.push({ go, signal });
      signal.addEventListener("abort", () => reject(signal.reason as KtError), { once: true });
    });
  }

  /** The name led somewhere. */
  giveBack(): void {
    while (this.#waiting.length > 0) {
      const next = this.#waiting.shift();
      if (next?.signal.aborted !== false) continue;
      next.go();
      return;
    }
    this.#permits = Math.min(this.#permits + 1, daemonLimits.newNames);
  }

  #refillLater(): void {
    this.#cancelRefill ??= this.#clock.after(1000 / daemonLimits.newNamesPerSecond, () => {
      this.#cancelRefill = undefined;
      this.giveBack();
      if (this.#permits < daemonLimits.newNames) this.#refillLater();
    });
  }

  close(): void {
    this.#cancelRefill?.();
  }
}

function tooMany(): KtError {
  return new KtError("too-many-names", "too many names that no profile has were asked for at once, and led nowhere", {
    hints: ["kt logs", "try again in a few seconds, or write the route that is meant under [routes]"],
  });
}
