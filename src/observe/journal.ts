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

interface Kept extends JournalEntry {
  readonly order: number;
}

/** The latest of a kind. */
class Latest {
  readonly #capacity: number;
  #entries: Kept[] = [];

  constructor(capacity: number) {
    this.#capacity = capacity;
  }

  add(entry: Kept): void {
    this.#entries.push(entry);
    // Cut in large steps: cutting one by one would move the whole list each time.
    if (this.#entries.length >= this.#capacity * 2) this.#entries = this.list();
  }

  list(): Kept[] {
    return this.#entries.slice(-this.#capacity);
  }
}

export class Journal {
  readonly #clock: Clock;
  readonly #followers = new Set<(entry: JournalEntry) => void>();
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
    return [...this.#news.list(), ...this.#details.list()].sort((one, other) => one.order - other.order);
  }

  /** Calls back on every new entry until the returned function is called. */
  follow(notify: (entry: JournalEntry) => void): () => void {
    this.#followers.add(notify);
    return () => this.#followers.delete(notify);
  }
}
