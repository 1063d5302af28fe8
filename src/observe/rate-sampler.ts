/** Looks once a second at what changed, and at nothing else: a route that is not in use costs nothing. */

import type { Clock } from "#base/clock.ts";
import { second } from "#base/units.ts";
import { observeLimits } from "./limits.ts";
import { type History, nothingCounted, Rates, type Totals } from "./rates.ts";
import type { CounterTable, RouteCounters } from "./counters.ts";

export class RateSampler {
  readonly #counters: CounterTable;
  readonly #clock: Clock;
  #busy: RouteCounters[] = [];
  #cancel: (() => void) | undefined;
  /** Of all routes together, those that are forgotten by now too. */
  readonly #all: Rates;
  #total: Totals = nothingCounted;

  constructor(counters: CounterTable, clock: Clock) {
    this.#counters = counters;
    this.#clock = clock;
    this.#all = new Rates(this.nowSeconds);
    counters.onBusy = (route) => this.#add(route);
  }

  get nowSeconds(): number {
    return this.#clock.now() / second;
  }

  /** Of a route that was never used, nothing but zeros. */
  history(profile: string, route: string, stepSeconds: 1 | 10, steps: number): History & { readonly endMs: number } {
    const nowSeconds = this.nowSeconds;
    const counters = this.#counters.get(profile, route);
    counters?.settleRates(nowSeconds);
    return this.#read(counters?.rates ?? new Rates(nowSeconds), stepSeconds, steps);
  }

  /** Of all routes together. */
  historyOfAll(stepSeconds: 1 | 10, steps: number): History & { readonly endMs: number } {
    const nowSeconds = this.nowSeconds;
    this.#sampleBusy(nowSeconds);
    return this.#read(this.#all, stepSeconds, steps);
  }

  #read(rates: Rates, stepSeconds: 1 | 10, steps: number): History & { readonly endMs: number } {
    const nowSeconds = this.nowSeconds;
    const sinceStepMs = (nowSeconds % stepSeconds) * second;
    return { endMs: Math.round(this.#clock.wallMs() - sinceStepMs), ...rates.history(nowSeconds, stepSeconds, steps) };
  }

  close(): void {
    this.#counters.onBusy = () => {};
    this.#cancel?.();
  }

  #add(route: RouteCounters): void {
    route.resumeRates(this.nowSeconds);
    if (this.#busy.length === 0) this.#all.resume(this.nowSeconds);
    this.#busy.push(route);
    this.#cancel ??= this.#nextSecond();
  }

  /** Soon after a second is over, for a timer may be a little early. */
  #nextSecond(): () => void {
    const intoMs = this.#clock.now() % second;
    return this.#clock.after(second - intoMs + observeLimits.rateTickMs, () => this.#tick());
  }

  #tick(): void {
    this.#sampleBusy(this.nowSeconds);
    this.#cancel = this.#busy.length === 0 ? undefined : this.#nextSecond();
  }

  /** Those that are quiet by now are not sampled any more. */
  #sampleBusy(nowSeconds: number): void {
    if (this.#busy.length === 0) return;
    this.#busy = this.#busy.filter((route) => this.#sample(route, nowSeconds));
    this.#all.sample(nowSeconds, this.#total);
  }

  /** False once the route is quiet. */
  #sample(route: RouteCounters, nowSeconds: number): boolean {
    const before = route.sampled;
    const isBusy = route.sample(nowSeconds);
    // The hub's own pages are of no profile: the dashboard itself is not what people use kt for.
    if (route.about.profile !== "") this.#total = grownBy(this.#total, before, route.sampled);
    return isBusy;
  }
}

function grownBy(total: Totals, before: Totals, after: Totals): Totals {
  return {
    requests: total.requests + after.requests - before.requests,
    failures: total.failures + after.failures - before.failures,
    receivedBytes: total.receivedBytes + after.receivedBytes - before.receivedBytes,
    sentBytes: total.sentBytes + after.sentBytes - before.sentBytes,
    answered: total.answered + after.answered - before.answered,
    answeredMs: total.answeredMs + after.answeredMs - before.answeredMs,
  };
}
