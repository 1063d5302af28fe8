/** Reads things one by one, or all of a collection at once when many are asked for at the same time. */

import type { Clock } from "#base/clock.ts";
import { KtError } from "#base/errors.ts";

export interface TogetherOptions<T> {
  /** Reads one. */
  readonly one: (name: string, signal: AbortSignal) => Promise<T>;
  /** Reads the whole collection, by name. */
  readonly all: () => Promise<ReadonlyMap<string, T>>;
  /** This many are read one by one at the same time. */
  readonly atOnce: number;
  /** When this many more wait, one reading of the collection serves them, and those that come within `freshMs` of its beginning. */
  readonly worthAll: number;
  readonly freshMs: number;
  readonly clock: Clock;
}

interface Waiter<T> {
  readonly name: string;
  readonly signal: AbortSignal;
  readonly answer: PromiseWithResolvers<T>;
}

export class Together<T> {
  readonly #options: TogetherOptions<T>;
  #running = 0;
  #waiting: Waiter<T>[] = [];
  /** To be read one by one: the collection has them not, or may not be read. */
  readonly #alone: Waiter<T>[] = [];
  #refused = false;
  #listing = false;
  /** The collection as it was read last. */
  #latest: { readonly found: ReadonlyMap<string, T>; readonly sinceMs: number } | undefined;

  constructor(options: TogetherOptions<T>) {
    this.#options = options;
  }

  /** Rejects as `one` and `all` do, or with the signal's reason. */
  read(name: string, signal: AbortSignal): Promise<T> {
    const known = this.#known(name);
    if (known !== undefined) return Promise.resolve(known);
    const answer = Promise.withResolvers<T>();
    this.#waiting.push({ name, signal, answer });
    this.#next();
    return answer.promise;
  }

  #known(name: string): T | undefined {
    const { clock, freshMs } = this.#options;
    if (this.#latest && clock.now() - this.#latest.sinceMs >= freshMs) this.#latest = undefined;
    return this.#latest?.found.get(name);
  }

  #next(): void {
    const { atOnce, worthAll } = this.#options;
    while (this.#running < atOnce) {
      const waiter = this.#alone.shift() ?? this.#waiting.shift();
      if (!waiter) return;
      this.#running += 1;
      void this.#readOne(waiter).finally(() => {
        this.#running -= 1;
        this.#next();
      });
    }
    if (this.#waiting.length < worthAll || this.#listing || this.#refused) return;
    this.#listing = true;
    void this.#readAll().finally(() => {
      this.#listing = false;
      this.#next();
    });
  }

  async #readOne({ name, signal, answer }: Waiter<T>): Promise<void> {
    try {
      signal.throwIfAborted();
      answer.resolve(await this.#options.one(name, signal));
    } catch (error) {
      answer.reject(error);
    }
  }

  async #readAll(): Promise<void> {
    const { all, clock } = this.#options;
    const sinceMs = clock.now();
    try {
      const found = await all();
      this.#latest = { found, sinceMs };
      for (const waiter of this.#waiting.splice(0)) {
        const value = found.get(waiter.name);
        if (value === undefined) this.#alone.push(waiter);
        else waiter.answer.resolve(value);
      }
    } catch (error) {
      const waiters = this.#waiting.splice(0);
      this.#refused = error instanceof KtError && error.code === "forbidden";
      if (this.#refused) this.#alone.push(...waiters);
      else for (const { answer } of waiters) answer.reject(error);
    }
  }
}
