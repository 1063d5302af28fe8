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
  #pending: Moment | undefined;
  /** Whether the timer of `with-next` runs: one serves all ends of that time. */
  #timerRuns = false;
  readonly #soon = (): void => this.#flushIfDue("soon");
  /** The first callback still runs before the next turn has read anything. */
  readonly #beforePoll = (): void => void setImmediate(this.#afterPoll);
  readonly #afterPoll = (): void => this.#flushIfDue("after-poll");

  constructor(clock: Clock, flush: () => void) {
    this.#clock = clock;
    this.#flush = flush;
  }

  request(moment: Moment): void {
    if (this.#pending !== undefined && urgencies[this.#pending] >= urgencies[moment]) return;
    this.#pending = moment;
    if (moment === "soon") queueMicrotask(this.#soon);
    else if (moment === "after-poll") setImmediate(this.#beforePoll);
    else this.#startTimer();
  }

  flushNow(): void {
    this.#pending = undefined;
    this.#flush();
  }

  #startTimer(): void {
    if (this.#timerRuns) return;
    this.#timerRuns = true;
    this.#clock.after(kubeLimits.flushDelayMs, () => {
      this.#timerRuns = false;
      this.#flushIfDue("with-next");
    });
  }

  #flushIfDue(moment: Moment): void {
    if (this.#pending === moment) this.flushNow();
  }
}
