/** Whether the peer of a connection is alive, by when it was last heard and asked. */

import { muxLimits } from "./limits.ts";

/** `ping`: it has been silent for long enough to be asked. `dead`: it did not answer in time. */
export type Verdict = "fine" | "ping" | "dead";

export class Liveness {
  #heardMs: number;
  #askedMs: number | undefined;

  constructor(nowMs: number) {
    this.#heardMs = nowMs;
  }

  /** When something last came, or we last began to read again. */
  get heardMs(): number {
    return this.#heardMs;
  }

  /** Any bytes are a sign of life. Also for when we begin to read again: until then the silence was ours. */
  heard(nowMs: number): void {
    this.#heardMs = nowMs;
    this.#askedMs = undefined;
  }

  /** A ping is about to be sent. False when one is unanswered already. */
  ask(nowMs: number): boolean {
    if (this.#askedMs !== undefined) return false;
    this.#askedMs = nowMs;
    return true;
  }

  /** `isExcused`: that there is no answer does not mean that the peer is dead. */
  verdict(nowMs: number, options: { readonly pingIntervalMs: number; readonly isExcused: boolean }): Verdict {
    if (this.#askedMs === undefined) return nowMs - this.#heardMs >= options.pingIntervalMs ? "ping" : "fine";
    return nowMs - this.#askedMs >= muxLimits.pingTimeoutMs && !options.isExcused ? "dead" : "fine";
  }
}
