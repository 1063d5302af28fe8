/** Whether the peer of a connection is alive, by when it was last heard and what it was asked and sent since. */

import { muxLimits } from "./limits.ts";

/** `ping`: it has been silent for long enough to be asked. `dead`: it did not answer in time. */
export type Verdict = "fine" | "ping" | "dead";

export class Liveness {
  #heardMs: number;
  #askedMs: number | undefined;
  /** Sent since something last came. */
  #unheardBytes = 0;

  constructor(nowMs: number) {
    this.#heardMs = nowMs;
  }

  /** When something last came, or we last began to read again. */
  get heardMs(): number {
    return this.#heardMs;
  }

  /** Any bytes are a sign of life. */
  heard(nowMs: number): void {
    this.resumed(nowMs);
    this.#unheardBytes = 0;
  }

  /** We read again: until now the silence was ours. */
  resumed(nowMs: number): void {
    this.#heardMs = nowMs;
    this.#askedMs = undefined;
  }

  sent(lengthBytes: number): void {
    this.#unheardBytes += lengthBytes;
  }

  /** A ping is about to be sent. False when one is unanswered already. */
  ask(nowMs: number): boolean {
    if (this.#askedMs !== undefined) return false;
    this.#askedMs = nowMs;
    return true;
  }

  /** Answers to pings may wait behind bytes that the far side does not read: what it was sent does not fit the buffers on the way. */
  get mayWaitForReader(): boolean {
    return this.#unheardBytes > muxLimits.unreadBytes;
  }

  /** `isExcused`: that there is no answer does not mean that the peer is dead. */
  verdict(nowMs: number, options: { readonly pingIntervalMs: number; readonly isExcused: boolean }): Verdict {
    if (this.#askedMs === undefined) return nowMs - this.#heardMs >= options.pingIntervalMs ? "ping" : "fine";
    return nowMs - this.#askedMs >= muxLimits.pingTimeoutMs && !options.isExcused ? "dead" : "fine";
  }
}
