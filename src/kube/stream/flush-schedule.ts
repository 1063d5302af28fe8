/** Decides when the output of a session leaves: what is collected leaves together, at the earliest moment that was asked for. */

import type { Clock } from "#base/clock.ts";
import { kubeLimits } from "#kube/limits.ts";

/**
 * `soon`: at the end of this turn of the event loop, so that small writes leave together.
 * `after-poll`: after what the next turn reads. A client's first bytes are mostly there when its connection is; read in the
 * next turn, they leave with the streams that are opened for it, in one write instead of two at every hop.
 * `with-next`: with whatever is sent next, for what nothing waits for; that saves a message at every hop.
 */
const urgencies = { "with-next": 0, "after-poll": 1, soon: 2 } as const;

/** When output must leave at the latest. */
export type Moment = keyof typeof urgencies;

export class FlushSchedule {
  readonly #clock: Clock;
  readonly #flush: () => void;
  #pending: { readonly urgency: number } | undefined;

  constructor(clock: Clock, flush: () => void) {
    this.#clock = clock;
    this.#flush = flush;
  }

  request(moment: Moment): void {
    const urgency = urgencies[moment];
    if (this.#pending && this.#pending.urgency >= urgency) return;
    const pending = { urgency };
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
