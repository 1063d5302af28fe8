/** What ends at a time of its own that mostly moves on before it comes: a heap with one timer, and no work when a time moves. */

import type { Clock } from "#base/clock.ts";

export interface Deadline {
  /** When it really ends, by the clock; may move on at any time without a word. */
  endsMs(): number;
  /** Its place in the heap, and when it is looked at; those of the heap alone. */
  place: number;
  lookMs: number;
}

export class Deadlines<Item extends Deadline> {
  readonly #clock: Clock;
  readonly #onEnd: (item: Item) => void;
  /** Each is looked at no later than the two behind it (at 2n + 1 and 2n + 2). */
  readonly #heap: Item[] = [];
  #timerMs = Number.POSITIVE_INFINITY;
  #cancel = (): void => {};

  constructor(clock: Clock, onEnd: (item: Item) => void) {
    this.#clock = clock;
    this.#onEnd = onEnd;
  }

  add(item: Item): void {
    item.lookMs = item.endsMs();
    item.place = this.#heap.length;
    this.#heap.push(item);
    this.#rise(item);
    this.#wait();
  }

  /** Harmless for one that is not in it. */
  remove(item: Item): void {
    if (this.#heap[item.place] !== item) return;
    const last = this.#heap.pop() as Item;
    if (last !== item) {
      this.#put(last, item.place);
      this.#rise(last);
      this.#sink(last);
    }
  }

  /** That which ends next, as things are now. */
  next(): Item | undefined {
    for (;;) {
      const [first] = this.#heap;
      if (!first || first.endsMs() <= first.lookMs) return first;
      first.lookMs = first.endsMs();
      this.#sink(first);
    }
  }

  close(): void {
    this.#cancel();
    this.#heap.length = 0;
    this.#timerMs = Number.POSITIVE_INFINITY;
  }

  /** A timer that comes too early only looks again. */
  #wait(): void {
    const [first] = this.#heap;
    if (!first || first.lookMs >= this.#timerMs) return;
    this.#cancel();
    this.#timerMs = first.lookMs;
    this.#cancel = this.#clock.after(Math.max(0, Math.ceil(first.lookMs - this.#clock.now())), () => this.#look());
  }

  #look(): void {
    this.#timerMs = Number.POSITIVE_INFINITY;
    const nowMs = this.#clock.now();
    for (let first = this.next(); first && first.lookMs <= nowMs; first = this.next()) {
      this.remove(first);
      this.#onEnd(first);
    }
    this.#wait();
  }

  #put(item: Item, place: number): void {
    this.#heap[place] = item;
    item.place = place;
  }

  #rise(item: Item): void {
    while (item.place > 0) {
      const above = this.#heap[(item.place - 1) >> 1] as Item;
      if (above.lookMs <= item.lookMs) return;
      const { place } = item;
      this.#put(item, above.place);
      this.#put(above, place);
    }
  }

  #sink(item: Item): void {
    for (;;) {
      const [left, right] = [this.#heap[2 * item.place + 1], this.#heap[2 * item.place + 2]];
      const below = left && right && right.lookMs < left.lookMs ? right : left;
      if (!below || below.lookMs >= item.lookMs) return;
      const { place } = item;
      this.#put(item, below.place);
      this.#put(below, place);
    }
  }
}
