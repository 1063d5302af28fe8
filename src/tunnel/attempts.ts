/** One connection whose first pod failed: what was tried for it, and whether the same may be tried once more. */

import { type Clock, sleep } from "#base/clock.ts";
import { KtError } from "#base/errors.ts";
import { tunnelLimits } from "./limits.ts";

export class Attempts {
  /** Pods that are not tried again. */
  readonly tried = new Set<string>();
  /** Pods whose sessions were lost once. */
  readonly #lost = new Set<string>();
  readonly #giveUp = new AbortController();
  readonly #clock: Clock;
  readonly #untilMs: number;
  #pauseMs: number = tunnelLimits.redialMs;

  constructor(clock: Clock, dialledMs: number) {
    this.#clock = clock;
    this.#untilMs = dialledMs + tunnelLimits.redialMaxMs;
  }

  /** Aborts when the client gives up. */
  get signal(): AbortSignal {
    return this.#giveUp.signal;
  }

  giveUp(): void {
    this.#giveUp.abort(new KtError("connection-lost", "the connection was closed"));
  }

  /** A lost session says little about its pod, which is tried once more. */
  podFailed(pod: string, error: KtError): void {
    if (error.code !== "connection-lost" || this.#lost.has(pod)) this.tried.add(pod);
    this.#lost.add(pod);
  }

  /** Waits before the target is tried again; false where that would be too late. */
  async pause(): Promise<boolean> {
    const pauseMs = this.#pauseMs;
    if (this.#clock.now() + pauseMs > this.#untilMs) return false;
    this.#pauseMs *= 2;
    await sleep(this.#clock, pauseMs, this.signal);
    return true;
  }
}
