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

/** What a request has in a row of its page: one cache line with the end of its text. */
const columns = 8;
const absent = -1;

/**
 * Some requests of one route. Rows of numbers instead of objects: what is only kept to be looked at later must cost a request next to
 * nothing. Texts of clients are copied, for a part of a request's head would keep the whole of it.
 */
class Page {
  owner: RouteRequests;
  count = 0;
  /** The first of a route is small: most routes have a few requests. */
  readonly isFirst: boolean;
  /** Method, host and path of each, in latin1, with blanks between them, which none of them has. */
  readonly #texts: Buffer;
  #textBytes = 0;
  readonly #rows: Float64Array;

  constructor(owner: RouteRequests, isFirst: boolean) {
    this.owner = owner;
    this.isFirst = isFirst;
    this.#texts = Buffer.allocUnsafeSlow(isFirst ? observeLimits.firstPageTextBytes : observeLimits.requestPageTextBytes);
    this.#rows = new Float64Array((isFirst ? observeLimits.firstPageEntries : observeLimits.requestPageEntries) * columns);
  }

  reuse(owner: RouteRequests): void {
    this.owner = owner;
    this.count = 0;
    this.#textBytes = 0;
  }

  takes(textLength: number): boolean {
    return this.count * columns < this.#rows.length && this.#textBytes + textLength <= this.#texts.length;
  }

  add(text: string, atMs: number, facts: RequestFacts): void {
    const rows = this.#rows;
    const row = this.count * columns;
    this.#textBytes += this.#texts.write(text, this.#textBytes, "latin1");
    this.count += 1;
    rows[row] = atMs;
    rows[row + 1] = this.#textBytes;
    rows[row + 2] = facts.durationMs;
    rows[row + 3] = facts.firstByteMs ?? absent;
    rows[row + 4] = facts.sentBytes;
    rows[row + 5] = facts.receivedBytes;
    rows[row + 6] = facts.status ?? absent;
    rows[row + 7] = (facts.grpcStatus ?? absent) * protocols.length + protocols.indexOf(facts.protocol);
  }

  atMs(at: number): number {
    return this.#rows[at * columns] ?? 0;
  }

  entry(at: number): JournalEntry {
    const [atMs = 0, end = 0, durationMs = 0, firstByteMs = absent, sentBytes = 0, receivedBytes = 0, status = absent, codes = 0] =
      this.#rows.subarray(at * columns);
    const begin = at === 0 ? 0 : this.#rows[(at - 1) * columns + 1];
    const [method = "", name = "", path = ""] = this.#texts.toString("latin1", begin, end).split(" ");
    const grpcStatus = Math.floor(codes / protocols.length);
    const event: RequestEvent = {
      ...{ type: "request", route: this.owner.route, profile: this.owner.profile, name, method, path },
      protocol: protocols[codes - grpcStatus * protocols.length] ?? "HTTP/1.1",
      status: status === absent ? undefined : status,
      grpcStatus: grpcStatus === absent ? undefined : grpcStatus,
      durationMs,
      firstByteMs: firstByteMs === absent ? undefined : firstByteMs,
      sentBytes,
      receivedBytes,
    };
    return { atMs, level: eventLevel(event), event };
  }
}

/** The requests of one route, by what its connections hold: looking the route up for each request would cost as much as keeping it. */
export class RouteRequests {
  readonly profile: string;
  readonly route: string;
  /** The oldest first; empty once others needed all of them. */
  readonly pages: Page[] = [];

  constructor({ profile, route }: NamedRoute) {
    this.profile = profile;
    this.route = route;
  }
}

export class RequestLog {
  readonly #clock: Clock;
  readonly #pages: number;
  readonly #followers = new Set<(entry: JournalEntry) => void>();
  /** Those that have pages. */
  readonly #byRoute = new Map<string, RouteRequests>();
  /** All of them, in the order in which they were begun. */
  readonly #begun = new Set<Page>();

  constructor(clock: Clock, pages: number = observeLimits.requestPages) {
    this.#clock = clock;
    this.#pages = pages;
  }

  /** To be held by what adds requests of the route. */
  of({ profile, route }: NamedRoute): RouteRequests {
    return this.#byRoute.get(routeKey(profile, route)) ?? new RouteRequests({ profile, route });
  }

  add(held: RouteRequests, facts: RequestFacts): void {
    // Where its pages were needed by others, another connection may have begun anew for the route.
    const owner = held.pages.length > 0 ? held : (this.#byRoute.get(routeKey(held.profile, held.route)) ?? held);
    let text = `${facts.method} ${facts.name} ${pathOf(facts.target)}`;
    if (text.length > observeLimits.requestTextBytes) text = text.slice(0, observeLimits.requestTextBytes);
    const last = owner.pages.at(-1);
    const page = last?.takes(text.length) ? last : this.#nextPage(owner);
    page.add(text, this.#clock.wallMs(), facts);
    if (this.#followers.size > 0) for (const notify of this.#followers) notify(page.entry(page.count - 1));
  }

  /** The latest of all routes, oldest first. */
  entries(limit: number = observeLimits.requestEntries): JournalEntry[] {
    return latestOf(this.#begun, limit);
  }

  /** The latest of one route, oldest first. */
  entriesOf(profile: string, route: string, limit: number = observeLimits.requestEntries): JournalEntry[] {
    return latestOf(this.#byRoute.get(routeKey(profile, route))?.pages ?? [], limit);
  }

  /** Calls back on every new entry until the returned function is called. */
  follow(notify: (entry: JournalEntry) => void): () => void {
    this.#followers.add(notify);
    return () => this.#followers.delete(notify);
  }

  #nextPage(owner: RouteRequests): Page {
    const spare = this.#spare(owner);
    const isFirst = owner.pages.length === 0;
    const page = spare?.isFirst === isFirst ? spare : new Page(owner, isFirst);
    page.reuse(owner);
    owner.pages.push(page);
    this.#begun.add(page);
    this.#byRoute.set(routeKey(owner.profile, owner.route), owner);
    return page;
  }

  /** The route's own oldest, where the others hold enough of it; else the oldest of all, where there are as many as may be. */
  #spare({ pages }: RouteRequests): Page | undefined {
    const kept = pages.slice(1).reduce((sum, { count }) => sum + count, 0);
    const [oldest] = kept >= observeLimits.requestEntries ? pages : this.#begun.size >= this.#pages ? this.#begun : [];
    if (oldest) this.#remove(oldest);
    return oldest;
  }

  #remove(page: Page): void {
    const { owner } = page;
    this.#begun.delete(page);
    owner.pages.splice(owner.pages.indexOf(page), 1);
    if (owner.pages.length === 0) this.#byRoute.delete(routeKey(owner.profile, owner.route));
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
