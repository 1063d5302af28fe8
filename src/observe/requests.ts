/** The latest HTTP requests, in a ring of their own: they come by the thousand, and must not push problems out of the journal. */

import type { Clock } from "#base/clock.ts";
import { observeLimits } from "./limits.ts";
import { eventLevel } from "./describe.ts";
import type { RequestEvent } from "./events.ts";
import type { JournalEntry } from "./journal.ts";

/** What a request is known by once it is over. Its path is nobody's business but the pod's. */
export type RequestFacts = Omit<RequestEvent, "type" | "durationMs">;

/** Columns instead of objects: what is only kept to be looked at later must cost a request next to nothing. */
export class RequestLog {
  readonly #clock: Clock;
  readonly #capacity: number;
  readonly #followers = new Set<(entry: JournalEntry) => void>();
  readonly #routes: RequestFacts["route"][] = [];
  readonly #profiles: string[] = [];
  readonly #names: string[] = [];
  readonly #methods: string[] = [];
  readonly #statuses: (number | undefined)[] = [];
  readonly #atMs: Float64Array;
  readonly #durationMs: Float64Array;
  readonly #receivedBytes: Float64Array;
  /** How many there were since the start. */
  #count = 0;

  constructor(clock: Clock, capacity: number = observeLimits.requestEntries) {
    this.#clock = clock;
    this.#capacity = capacity;
    this.#atMs = new Float64Array(capacity);
    this.#durationMs = new Float64Array(capacity);
    this.#receivedBytes = new Float64Array(capacity);
  }

  /** When a request begins; to be handed to `add`. */
  begin(): number {
    return this.#clock.now();
  }

  /** `status`: undefined where the client left before there was one. */
  add(
    { profile, route }: { readonly profile: string; readonly route: string },
    name: string,
    method: string,
    status: number | undefined,
    startedMs: number,
    receivedBytes: number,
  ): void {
    const at = this.#count % this.#capacity;
    this.#count += 1;
    this.#routes[at] = route;
    this.#profiles[at] = profile;
    this.#names[at] = name;
    this.#methods[at] = method;
    this.#statuses[at] = status;
    this.#atMs[at] = this.#clock.wallMs();
    this.#durationMs[at] = this.#clock.now() - startedMs;
    this.#receivedBytes[at] = receivedBytes;
    if (this.#followers.size > 0) for (const tell of this.#followers) tell(this.#entry(at));
  }

  /** The latest entries, oldest first. */
  entries(): JournalEntry[] {
    const kept = Math.min(this.#count, this.#capacity);
    return Array.from({ length: kept }, (_, index) => this.#entry((this.#count - kept + index) % this.#capacity));
  }

  /** Calls back on every new entry until the returned function is called. */
  follow(tell: (entry: JournalEntry) => void): () => void {
    this.#followers.add(tell);
    return () => this.#followers.delete(tell);
  }

  #entry(at: number): JournalEntry {
    const event: RequestEvent = {
      type: "request",
      route: this.#routes[at] ?? "",
      profile: this.#profiles[at] ?? "",
      name: this.#names[at] ?? "",
      method: this.#methods[at] ?? "",
      status: this.#statuses[at],
      durationMs: this.#durationMs[at] ?? 0,
      receivedBytes: this.#receivedBytes[at] ?? 0,
    };
    return { atMs: this.#atMs[at] ?? 0, level: eventLevel(event), event };
  }
}
