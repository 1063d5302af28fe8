/** How much went through one route over time: every second of the last ten minutes, and every ten seconds of the last six hours. */

import { observeLimits } from "./limits.ts";
import { packCount, unpackCount } from "./packed-count.ts";

/** What is counted, as totals that only grow. */
export interface Totals {
  readonly requests: number;
  readonly failures: number;
  readonly receivedBytes: number;
  readonly sentBytes: number;
  /** Requests that were answered, and how long they took together. */
  readonly answered: number;
  readonly answeredMs: number;
}

const counted = ["requests", "failures", "receivedBytes", "sentBytes"] as const satisfies readonly (keyof PerSecond)[];
/** The column behind those that are counted. */
const meanColumn = counted.length;

export const nothingCounted: Totals = { requests: 0, failures: 0, receivedBytes: 0, sentBytes: 0, answered: 0, answeredMs: 0 };

export interface PerSecond {
  readonly requests: number;
  readonly failures: number;
  readonly receivedBytes: number;
  readonly sentBytes: number;
}

/** Oldest first, one value per step; the last step is over. */
export interface History extends Readonly<Record<keyof PerSecond, number[]>> {
  readonly stepSeconds: number;
  /** How long requests took that were answered in the step, on average; 0 where none was. */
  readonly meanMs: number[];
}

/** Values in a row of a page: those that are counted, and the mean behind them. */
const columns = counted.length + 1;
/** The mean is kept in such parts of a millisecond. */
const meanParts = 16;

/** The latest steps of one length, in pages that are there for the steps in which something went through: what lies idle takes nothing. */
class Ring {
  readonly stepSeconds: number;
  readonly #steps: number;
  /** A row for each step, at its number modulo all steps. */
  readonly #pages: (Uint16Array | undefined)[] = [];
  /** The number of the latest step, since the clock's origin; and of the oldest that is kept. */
  #latest: number;
  #oldest: number;
  #last: Totals = nothingCounted;

  constructor(stepSeconds: number, steps: number, nowSeconds: number) {
    this.stepSeconds = stepSeconds;
    this.#steps = steps;
    this.#latest = Math.floor(nowSeconds / stepSeconds) - 1;
    this.#oldest = this.#latest + 1;
  }

  /** What comes belongs to the step of `nowSeconds` or a later one: those before it had nothing that was not sampled. */
  resume(nowSeconds: number): void {
    const step = Math.floor(nowSeconds / this.stepSeconds) - 1;
    if (step > this.#latest) this.#moveTo(step);
  }

  /** What was added since the last call belongs to the step before `nowSeconds`, unless that step has its part already. */
  sample(nowSeconds: number, totals: Totals): void {
    const step = Math.floor(nowSeconds / this.stepSeconds) - 1;
    if (step <= this.#latest) return;
    this.#moveTo(step);
    const last = this.#last;
    this.#last = totals;
    if (isSame(last, totals)) return;
    const page = this.#pageFor(step);
    const row = this.#rowOf(step);
    for (const [column, name] of counted.entries()) page[row + column] = packCount(totals[name] - last[name]);
    const answered = totals.answered - last.answered;
    page[row + meanColumn] = answered === 0 ? 0 : packCount(((totals.answeredMs - last.answeredMs) / answered) * meanParts);
  }

  /** The sum over the latest `steps` before `nowSeconds`. */
  sum(column: number, nowSeconds: number, steps: number): number {
    const end = Math.floor(nowSeconds / this.stepSeconds);
    let total = 0;
    for (let step = Math.max(end - steps, 0); step < end; step++) total += this.#at(column, step);
    return total;
  }

  history(nowSeconds: number, steps: number): History {
    const end = Math.floor(nowSeconds / this.stepSeconds);
    const wanted = Math.min(steps, this.#steps);
    const read = (column: number): number[] => Array.from({ length: wanted }, (_, index) => this.#at(column, end - wanted + index));
    const perSecond = (name: keyof PerSecond): number[] => read(counted.indexOf(name)).map((value) => value / this.stepSeconds);
    return {
      stepSeconds: this.stepSeconds,
      requests: perSecond("requests"),
      failures: perSecond("failures"),
      receivedBytes: perSecond("receivedBytes"),
      sentBytes: perSecond("sentBytes"),
      meanMs: read(meanColumn).map((parts) => parts / meanParts),
    };
  }

  #at(column: number, step: number): number {
    if (step < this.#oldest || step > this.#latest) return 0;
    return unpackCount(this.#pages[this.#pageOf(step)]?.[this.#rowOf(step) + column] ?? 0);
  }

  #pageOf(step: number): number {
    return Math.floor((step % this.#steps) / observeLimits.ratePageSteps);
  }

  #rowOf(step: number): number {
    return ((step % this.#steps) % observeLimits.ratePageSteps) * columns;
  }

  #pageFor(step: number): Uint16Array {
    const at = this.#pageOf(step);
    this.#pages[at] ??= new Uint16Array(observeLimits.ratePageSteps * columns);
    return this.#pages[at];
  }

  /** Steps in between had nothing. A page that has only such is given up. */
  #moveTo(step: number): void {
    this.#oldest = Math.max(this.#oldest, step - this.#steps + 1);
    for (let each = Math.max(this.#latest + 1, this.#oldest); each <= step; each++) {
      const [at, row] = [this.#pageOf(each), this.#rowOf(each)];
      const isLast = row === (observeLimits.ratePageSteps - 1) * columns;
      this.#pages[at]?.fill(0, row, row + columns);
      if (isLast && each < step && this.#pages[at]?.every((value) => value === 0)) this.#pages[at] = undefined;
    }
    this.#latest = step;
  }
}

function isSame(one: Totals, other: Totals): boolean {
  return one.answered === other.answered && counted.every((name) => one[name] === other[name]);
}

export class Rates {
  readonly #fine: Ring;
  readonly #coarse: Ring;

  constructor(nowSeconds: number) {
    this.#fine = new Ring(1, observeLimits.fineRateSteps, nowSeconds);
    this.#coarse = new Ring(observeLimits.coarseRateSeconds, observeLimits.coarseRateSteps, nowSeconds);
  }

  /** To be called before the first `sample` after a pause. */
  resume(nowSeconds: number): void {
    this.#fine.resume(nowSeconds);
    this.#coarse.resume(nowSeconds);
  }

  /** To be called once a second while something changes, and until `coarseRateSeconds` after that. */
  sample(nowSeconds: number, totals: Totals): void {
    this.#fine.sample(nowSeconds, totals);
    this.#coarse.sample(nowSeconds, totals);
  }

  /** On average over the last seconds that are over. */
  perSecond(nowSeconds: number): PerSecond {
    const steps = observeLimits.rateWindowSeconds;
    const mean = (name: keyof PerSecond): number => this.#fine.sum(counted.indexOf(name), nowSeconds, steps) / steps;
    return { requests: mean("requests"), failures: mean("failures"), receivedBytes: mean("receivedBytes"), sentBytes: mean("sentBytes") };
  }

  /** By steps of one second, or of ten. */
  history(nowSeconds: number, stepSeconds: 1 | 10, steps: number): History {
    return (stepSeconds === 1 ? this.#fine : this.#coarse).history(nowSeconds, steps);
  }
}
