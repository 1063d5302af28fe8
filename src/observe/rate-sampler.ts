/** Looks once a second at what changed, and at nothing else: a route that is not in use costs nothing. */

import type { Clock } from "#base/clock.ts";
import { second } from "#base/units.ts";
import { observeLimits } from "./limits.ts";
import { type History, Rates } from "./rates.ts";
import type { CounterTable, RouteCounters } from "./counters.ts";

export class RateSampler {
  readonly #counters: CounterTable;
  readonly #clock: Clock;
  #busy: RouteCounters[] = [];
  #cancel: (() => void) | undefined;

  constructor(counters: CounterTable, clock: Clock) {
    this.#counters = counters;
    this.#clock = clock;
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
    const rates = counters?.rates ?? new Rates(nowSeconds);
    const sinceStepMs = (nowSeconds % stepSeconds) * second;
    return { endMs: Math.round(this.#clock.wallMs() - sinceStepMs), ...rates.history(nowSeconds, stepSeconds, steps) };
  }

  close(): void {
    this.#counters.onBusy = () => {};
    this.#cancel?.();
  }

  #add(route: RouteCounters): void {
    route.resumeRates(this.nowSeconds);
    this.#busy.push(route);
    this.#cancel ??= this.#nextSecond();
  }

  /** Soon after a second is over, for a timer may be a little early. */
  #nextSecond(): () => void {
    const intoMs = this.#clock.now() % second;
    return this.#clock.after(second - intoMs + observeLimits.rateTickMs, () => this.#tick());
  }

  #tick(): void {
    const nowSeconds = this.nowSeconds;
    this.#busy = this.#busy.filter((route) => route.sample(nowSeconds));
    this.#cancel = this.#busy.length === 0 ? undefined : this.#nextSecond();
  }
}
