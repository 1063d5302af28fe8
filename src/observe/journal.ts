/** The hub's memory of its latest events, bounded, which `kt logs` reads and follows. */

import type { Clock } from "#base/clock.ts";
import { limits } from "#base/limits.ts";
import type { LogLevel } from "#base/log.ts";
import { eventLevel } from "./describe.ts";
import type { KtEvent } from "./events.ts";

export interface JournalEntry {
  /** Time of day, milliseconds since 1970. */
  readonly atMs: number;
  readonly level: LogLevel;
  readonly event: KtEvent;
}

export class Journal {
  readonly #clock: Clock;
  readonly #capacity: number;
  readonly #followers = new Set<(entry: JournalEntry) => void>();
  #entries: JournalEntry[] = [];

  constructor(clock: Clock, capacity: number = limits.journalEntries) {
    this.#clock = clock;
    this.#capacity = capacity;
  }

  add(event: KtEvent): void {
    const entry = { atMs: this.#clock.wallMs(), level: eventLevel(event), event };
    this.#entries.push(entry);
    // Cut in large steps: cutting one by one would move the whole list each time.
    if (this.#entries.length >= this.#capacity * 2) this.#entries = this.#entries.slice(-this.#capacity);
    for (const tell of this.#followers) tell(entry);
  }

  /** The latest entries, oldest first. */
  entries(): readonly JournalEntry[] {
    return this.#entries.slice(-this.#capacity);
  }

  /** Calls back on every new entry until the returned function is called. */
  follow(tell: (entry: JournalEntry) => void): () => void {
    this.#followers.add(tell);
    return () => this.#followers.delete(tell);
  }
}
