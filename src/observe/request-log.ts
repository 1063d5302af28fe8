/** The latest HTTP requests of each route, apart from the journal: they come by the thousand, and would push problems out of it. */

import type { Clock } from "#base/clock.ts";
import { routeKey } from "./counters.ts";
import { eventLevel } from "./describe.ts";
import type { ClientProtocol, RequestEvent } from "./events.ts";
import type { JournalEntry } from "./journal.ts";
import { observeLimits } from "./limits.ts";

/** A request that is over. */
export interface RequestFacts extends Readonly<Omit<RequestEvent, "type" | "route" | "profile" | "path">> {
  /** As sent: its query is not kept. */
  readonly target: string;
}

interface NamedRoute {
  readonly profile: string;
  readonly route: string;
}

const protocols: readonly ClientProtocol[] = ["HTTP/1.0", "HTTP/1.1", "HTTP/2"];

/** Columns of a page. */
const times = ["atMs", "durationMs", "firstByteMs", "sentBytes", "receivedBytes"] as const;
const codes = ["status", "grpcStatus", "protocol"] as const;
const absent = -1;

/**
 * Some requests of one route. Columns instead of objects: what is only kept to be looked at later must cost a request next to nothing.
 * Texts of clients are copied, for a part of a request's head would keep the whole of it.
 */
class Page {
  route: NamedRoute;
  count = 0;
  /** Method, host and path of each, in latin1, with blanks between them, which none of them has. */
  readonly #texts = Buffer.allocUnsafeSlow(observeLimits.requestPageTextBytes);
  readonly #ends = new Uint16Array(observeLimits.requestPageEntries);
  readonly #times = new Float64Array(observeLimits.requestPageEntries * times.length);
  readonly #codes = new Int16Array(observeLimits.requestPageEntries * codes.length);

  constructor(route: NamedRoute) {
    this.route = route;
  }

  reuse(route: NamedRoute): void {
    this.route = route;
    this.count = 0;
  }

  takes(textLength: number): boolean {
    return this.count < observeLimits.requestPageEntries && this.#begin(this.count) + textLength <= observeLimits.requestPageTextBytes;
  }

  add(text: string, atMs: number, { durationMs, firstByteMs, sentBytes, receivedBytes, status, grpcStatus, protocol }: RequestFacts): void {
    const at = this.count;
    const begin = this.#begin(at);
    this.#ends[at] = begin + this.#texts.write(text, begin, "latin1");
    const row = at * times.length;
    this.#times[row] = atMs;
    this.#times[row + 1] = durationMs;
    this.#times[row + 2] = firstByteMs ?? absent;
    this.#times[row + 3] = sentBytes;
    this.#times[row + 4] = receivedBytes;
    const code = at * codes.length;
    this.#codes[code] = status ?? absent;
    this.#codes[code + 1] = grpcStatus ?? absent;
    this.#codes[code + 2] = protocols.indexOf(protocol);
    this.count += 1;
  }

  atMs(at: number): number {
    return this.#times[at * times.length] ?? 0;
  }

  entry(at: number): JournalEntry {
    const [method = "", name = "", path = ""] = this.#texts.toString("latin1", this.#begin(at), this.#ends[at]).split(" ");
    const [atMs = 0, durationMs = 0, firstByteMs = absent, sentBytes = 0, receivedBytes = 0] = this.#times.subarray(at * times.length);
    const [status = absent, grpcStatus = absent, protocol = 0] = this.#codes.subarray(at * codes.length);
    const { profile, route } = this.route;
    const event: RequestEvent = {
      ...{ type: "request", route, profile, name, method, path },
      protocol: protocols[protocol] ?? "HTTP/1.1",
      status: status === absent ? undefined : status,
      grpcStatus: grpcStatus === absent ? undefined : grpcStatus,
      durationMs,
      firstByteMs: firstByteMs === absent ? undefined : firstByteMs,
      sentBytes,
      receivedBytes,
    };
    return { atMs, level: eventLevel(event), event };
  }

  #begin(at: number): number {
    return at === 0 ? 0 : (this.#ends[at - 1] ?? 0);
  }
}

export class RequestLog {
  readonly #clock: Clock;
  readonly #pages: number;
  readonly #followers = new Set<(entry: JournalEntry) => void>();
  /** Of each route, the oldest first. */
  readonly #byRoute = new Map<string, Page[]>();
  /** All of them, in the order in which they were begun. */
  readonly #begun = new Set<Page>();

  constructor(clock: Clock, pages: number = observeLimits.requestPages) {
    this.#clock = clock;
    this.#pages = pages;
  }

  add(route: NamedRoute, facts: RequestFacts): void {
    const text = `${facts.method} ${facts.name} ${pathOf(facts.target)}`.slice(0, observeLimits.requestTextBytes);
    const page = this.#pageFor(route, text.length);
    page.add(text, this.#clock.wallMs(), facts);
    if (this.#followers.size > 0) for (const notify of this.#followers) notify(page.entry(page.count - 1));
  }

  /** The latest of all routes, oldest first. */
  entries(limit: number = observeLimits.requestEntries): JournalEntry[] {
    return latestOf(this.#begun, limit);
  }

  /** The latest of one route, oldest first. */
  entriesOf(profile: string, route: string, limit: number = observeLimits.requestEntries): JournalEntry[] {
    return latestOf(this.#byRoute.get(routeKey(profile, route)) ?? [], limit);
  }

  /** Calls back on every new entry until the returned function is called. */
  follow(notify: (entry: JournalEntry) => void): () => void {
    this.#followers.add(notify);
    return () => this.#followers.delete(notify);
  }

  #pageFor({ profile, route: name }: NamedRoute, textLength: number): Page {
    const key = routeKey(profile, name);
    const last = this.#byRoute.get(key)?.at(-1);
    if (last?.takes(textLength)) return last;
    const route = { profile, route: name };
    const page = this.#spare(key) ?? new Page(route);
    page.reuse(route);
    this.#begun.add(page);
    // What was taken for it may have been the last of this route.
    const pages = this.#byRoute.get(key);
    if (pages) pages.push(page);
    else this.#byRoute.set(key, [page]);
    return page;
  }

  /** The route's own oldest, where the others hold enough of it; else the oldest of all, where there are as many as may be. */
  #spare(key: string): Page | undefined {
    const own = this.#byRoute.get(key) ?? [];
    const kept = own.slice(1).reduce((sum, { count }) => sum + count, 0);
    const [oldest] = kept >= observeLimits.requestEntries ? own : this.#begun.size >= this.#pages ? this.#begun : [];
    if (oldest) this.#remove(oldest);
    return oldest;
  }

  #remove(page: Page): void {
    this.#begun.delete(page);
    const key = routeKey(page.route.profile, page.route.route);
    const left = (this.#byRoute.get(key) ?? []).filter((each) => each !== page);
    if (left.length > 0) this.#byRoute.set(key, left);
    else this.#byRoute.delete(key);
  }
}

/** Only those that are wanted are decoded. */
function latestOf(pages: Iterable<Page>, limit: number): JournalEntry[] {
  const all = [...pages].flatMap((page) => Array.from({ length: page.count }, (_, at) => ({ page, at, atMs: page.atMs(at) })));
  return all
    .sort((one, other) => one.atMs - other.atMs)
    .slice(-limit)
    .map(({ page, at }) => page.entry(at));
}

/** Without the query, which may carry secrets, and without the authority of an absolute target. */
function pathOf(target: string): string {
  const query = target.indexOf("?");
  const path = query < 0 ? target : target.slice(0, query);
  return path.startsWith("/") ? path : path.replace(/^[a-z][a-z0-9+.-]*:\/\/[^/]*/i, "");
}
