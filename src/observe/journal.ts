/** The hub's memory of its latest events, bounded, which `kt logs` reads and follows. */

import type { Clock } from "#base/clock.ts";
import { observeLimits } from "./limits.ts";
import type { LogLevel } from "#base/log.ts";
import { eventLevel } from "./describe.ts";
import type { KtEvent } from "./events.ts";

export interface JournalEntry {
  /** Time of day, milliseconds since 1970. */
  readonly atMs: number;
  readonly level: LogLevel;
  readonly event: KtEvent;
}

/** `order` goes up by one with each. */
export interface OrderedEntry extends JournalEntry {
  readonly order: number;
}

/** What came after an entry, as far as it is kept. */
export interface Later {
  readonly entries: readonly OrderedEntry[];
  /** Some of it is not kept any more. */
  readonly hasGap: boolean;
}

/** The latest of a kind. */
class Latest {
  readonly #capacity: number;
  #entries: OrderedEntry[] = [];
  /** Of the latest entry that is not kept any more; -1 while all are. */
  droppedOrder = -1;

  constructor(capacity: number) {
    this.#capacity = capacity;
  }

  add(entry: OrderedEntry): void {
    this.#entries.push(entry);
    const dropped = this.#entries[this.#entries.length - 1 - this.#capacity];
    if (dropped) this.droppedOrder = dropped.order;
    // Cut in large steps: cutting one by one would move the whole list each time.
    if (this.#entries.length >= this.#capacity * 2) this.#entries = this.list();
  }

  list(): OrderedEntry[] {
    return this.#entries.slice(-this.#capacity);
  }
}

export class Journal {
  readonly #clock: Clock;
  readonly #followers = new Set<(entry: OrderedEntry) => void>();
  /** What everyone should know, and single connections, which would push it out. */
  readonly #news: Latest;
  readonly #details: Latest;
  #count = 0;

  constructor(clock: Clock, capacity: number = observeLimits.journalEntries) {
    this.#clock = clock;
    this.#news = new Latest(capacity);
    this.#details = new Latest(capacity);
  }

  add(event: KtEvent): void {
    const entry = { atMs: this.#clock.wallMs(), level: eventLevel(event), event, order: this.#count++ };
    (entry.level === "debug" ? this.#details : this.#news).add(entry);
    for (const notify of this.#followers) notify(entry);
  }

  /** The latest entries, oldest first. */
  entries(): readonly JournalEntry[] {
    return [...this.#news.list(), ...this.#details.list()].sort(byOrder);
  }

  /** Those after an order, oldest first; -1 is before all of them. Without details those of single connections are left out. */
  after(order: number, withDetails: boolean): Later {
    const kinds = withDetails ? [this.#news, this.#details] : [this.#news];
    const entries = kinds.flatMap((kind) => kind.list()).filter((entry) => entry.order > order);
    return { entries: entries.sort(byOrder), hasGap: kinds.some((kind) => kind.droppedOrder > order) };
  }

  /** Calls back on every new entry until the returned function is called. */
  follow(notify: (entry: OrderedEntry) => void): () => void {
    this.#followers.add(notify);
    return () => this.#followers.delete(notify);
  }
}

const byOrder = (one: OrderedEntry, other: OrderedEntry): number => one.order - other.order;
