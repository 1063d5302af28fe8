/** What pings tell of a session's far end: that it is alive, and that it can take another connection. */

import { tunnelLimits } from "#tunnel/limits.ts";

/** How long a proof may take; the answers need one round trip. */
const proofMs = 2000;

export type Verdict = "fine" | "ping" | "silent" | "unproven";

export class Liveness {
  #lastHeardMs: number;
  #pingSentMs: number | undefined;
  #proof: { readonly unanswered: Set<number>; readonly sinceMs: number } | undefined;

  constructor(nowMs: number) {
    this.#lastHeardMs = nowMs;
  }

  get lastHeardMs(): number {
    return this.#lastHeardMs;
  }

  /** Any bytes are a sign of life. Also for when the silence was ours: reading goes on after a pause. */
  heard(nowMs: number): void {
    this.#lastHeardMs = nowMs;
    this.#pingSentMs = undefined;
  }

  /** A ping is on its way. False when one is already. */
  pinging(nowMs: number): boolean {
    if (this.#pingSentMs !== undefined) return false;
    this.#pingSentMs = nowMs;
    return true;
  }

  /** These pings, which were sent now, prove that the session can carry another connection once all are answered. */
  prove(nowMs: number, pings: Iterable<number>): void {
    this.#proof = { unanswered: new Set(pings), sinceMs: nowMs };
  }

  /** No proof is waited for any more. */
  dropProof(): void {
    this.#proof = undefined;
  }

  /** True when this answer completes the proof. */
  answered(id: number): boolean {
    const proof = this.#proof;
    if (!proof?.unanswered.delete(id) || proof.unanswered.size > 0) return false;
    this.#proof = undefined;
    return true;
  }

  /** What to make of the session now. `held`: one of the far end's workers is held up, and pings given to it pile up there. */
  verdict(nowMs: number, held: boolean): Verdict {
    if (this.#proof && nowMs - this.#proof.sinceMs >= proofMs) return "unproven";
    const intervalMs = held ? tunnelLimits.heldPingIntervalMs : tunnelLimits.pingIntervalMs;
    if (this.#pingSentMs === undefined) return nowMs - this.#lastHeardMs >= intervalMs ? "ping" : "fine";
    return nowMs - this.#pingSentMs >= tunnelLimits.pingTimeoutMs ? "silent" : "fine";
  }
}
