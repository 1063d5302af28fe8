/** Decides when the output of a session leaves: what is collected leaves together, at the earliest moment that was asked for. */

import type { Clock } from "#base/clock.ts";
import { kubeLimits } from "#kube/limits.ts";

/** From the most patient on. */
const moments = ["with-next", "after-poll", "soon"] as const;

/**
 * `soon`: at the end of this turn of the event loop, so that small writes leave together.
 * `after-poll`: after what the next turn reads. A client's first bytes are mostly there when its connection is; read in the
 * next turn, they leave with the streams that are opened for it, in one write instead of two at every hop.
 * `with-next`: with whatever is sent next, for what nothing waits for; that saves a message at every hop.
 */
export type Moment = (typeof moments)[number];

const rankOf = (moment: Moment): number => moments.indexOf(moment);

export class FlushSchedule {
  readonly #clock: Clock;
  readonly #flush: () => void;
  #pending: { readonly rank: number } | undefined;

  constructor(clock: Clock, flush: () => void) {
    this.#clock = clock;
    this.#flush = flush;
  }

  request(moment: Moment): void {
    const rank = rankOf(moment);
    if (this.#pending && this.#pending.rank >= rank) return;
    const pending = { rank };
    this.#pending = pending;
    const flush = (): void => {
      if (this.#pending === pending) this.flushNow();
    };
    if (moment === "soon") queueMicrotask(flush);
    // The first callback still runs before the next turn has read anything.
    else if (moment === "after-poll") setImmediate(() => setImmediate(flush));
    else this.#clock.after(kubeLimits.flushDelayMs, flush);
  }

  flushNow(): void {
    this.#pending = undefined;
    this.#flush();
  }
}
