/** The latest HTTP requests, in a ring of their own: they come by the thousand, and must not push problems out of the journal. */

import type { Clock } from "#base/clock.ts";
import { observeLimits } from "./limits.ts";
import { eventLevel } from "./describe.ts";
import type { RequestEvent } from "./events.ts";
import type { JournalEntry } from "./journal.ts";

/** A request that is over. */
export interface RequestFacts
  extends Readonly<Pick<RequestEvent, "method" | "name" | "status" | "protocol" | "durationMs" | "sentBytes" | "receivedBytes">> {
  /** As sent: its query is not kept. */
  readonly target: string;
}

/**
 * Columns instead of objects: what is only kept to be looked at later must cost a request next to nothing. Texts of clients are copied, for
 * a part of a request's head would keep the whole of it.
 */
export class RequestLog {
  readonly #clock: Clock;
  readonly #capacity: number;
  readonly #followers = new Set<(entry: JournalEntry) => void>();
  readonly #routes: RequestEvent["route"][] = [];
  readonly #profiles: string[] = [];
  /** Method, host and path, in latin1, with blanks between them, which none of them has. */
  readonly #texts: Buffer;
  readonly #textLengths: Uint16Array;
  readonly #protocols: RequestEvent["protocol"][] = [];
  readonly #statuses: (number | undefined)[] = [];
  readonly #atMs: Float64Array;
  readonly #durationMs: Float64Array;
  readonly #sentBytes: Float64Array;
  readonly #receivedBytes: Float64Array;
  /** How many there were since the start. */
  #count = 0;

  constructor(clock: Clock, capacity: number = observeLimits.requestEntries) {
    this.#clock = clock;
    this.#capacity = capacity;
    this.#texts = Buffer.alloc(capacity * observeLimits.requestTextBytes);
    this.#textLengths = new Uint16Array(capacity);
    this.#atMs = new Float64Array(capacity);
    this.#durationMs = new Float64Array(capacity);
    this.#sentBytes = new Float64Array(capacity);
    this.#receivedBytes = new Float64Array(capacity);
  }

  add(route: { readonly profile: string; readonly route: string }, facts: RequestFacts): void {
    const at = this.#count % this.#capacity;
    this.#count += 1;
    this.#routes[at] = route.route;
    this.#profiles[at] = route.profile;
    const text = `${facts.method} ${facts.name} ${pathOf(facts.target)}`;
    this.#textLengths[at] = this.#texts.write(text, at * observeLimits.requestTextBytes, observeLimits.requestTextBytes, "latin1");
    this.#protocols[at] = facts.protocol;
    this.#statuses[at] = facts.status;
    this.#atMs[at] = this.#clock.wallMs();
    this.#durationMs[at] = facts.durationMs;
    this.#sentBytes[at] = facts.sentBytes;
    this.#receivedBytes[at] = facts.receivedBytes;
    if (this.#followers.size > 0) for (const notify of this.#followers) notify(this.#entry(at));
  }

  /** The latest entries, oldest first. */
  entries(): JournalEntry[] {
    const kept = Math.min(this.#count, this.#capacity);
    return Array.from({ length: kept }, (_, index) => this.#entry((this.#count - kept + index) % this.#capacity));
  }

  /** Calls back on every new entry until the returned function is called. */
  follow(notify: (entry: JournalEntry) => void): () => void {
    this.#followers.add(notify);
    return () => this.#followers.delete(notify);
  }

  #entry(at: number): JournalEntry {
    const from = at * observeLimits.requestTextBytes;
    const [method = "", name = "", path = ""] = this.#texts.toString("latin1", from, from + (this.#textLengths[at] ?? 0)).split(" ");
    const event: RequestEvent = {
      type: "request",
      route: this.#routes[at] ?? "",
      profile: this.#profiles[at] ?? "",
      name,
      method,
      path,
      protocol: this.#protocols[at] ?? "HTTP/1.1",
      status: this.#statuses[at],
      durationMs: this.#durationMs[at] ?? 0,
      sentBytes: this.#sentBytes[at] ?? 0,
      receivedBytes: this.#receivedBytes[at] ?? 0,
    };
    return { atMs: this.#atMs[at] ?? 0, level: eventLevel(event), event };
  }
}

/** Without the query, which may carry secrets, and without the authority of an absolute target. */
function pathOf(target: string): string {
  const query = target.indexOf("?");
  const path = query < 0 ? target : target.slice(0, query);
  return path.startsWith("/") ? path : path.replace(/^[a-z][a-z0-9+.-]*:\/\/[^/]*/i, "");
}
