/** The HTTP/2 connections to backends that one client connection uses: opened on need, shared by its streams, parked, closed. */

import type { Clock } from "#base/clock.ts";
import { type KtError, toKtError } from "#base/errors.ts";
import { limits } from "#base/limits.ts";
import { type BackendScheme, type Target, targetKey } from "#route/target.ts";
import type { Found } from "#route/lookup.ts";
import type { Link } from "./dialer.ts";
import { H2Session } from "./h2-session.ts";

/** Where a stream goes. */
export interface H2Route {
  readonly target: Target;
  /** How the backend is spoken to. */
  readonly scheme: BackendScheme;
  readonly profile: string;
  readonly route: string;
  /** See StaticEntry. */
  readonly sentHost?: string;
  readonly via?: Found["via"];
}

/** Opens the transport of an HTTP/2 connection to a pod of the route's target; `authority` is the client's, as sent. */
export type DialRoute = (route: H2Route, authority: string, signal: AbortSignal) => Promise<Link>;

/** One connection to a pod. */
export class H2Backend {
  readonly session: H2Session;
  readonly #link: Link;
  readonly #clock: Clock;
  readonly #events: { onReady(): void; onGone(): void };
  #cancelClose: (() => void) | undefined;
  #started = false;

  /** `onReady`: it has said how many streams it takes. `onGone`: it takes no more. */
  constructor(link: Link, clock: Clock, events: { onReady(): void; onGone(): void }) {
    this.#link = link;
    this.#clock = clock;
    this.#events = events;
    this.session = new H2Session("client", link.conn, clock, this);
  }

  /** Begins to send and to listen. */
  start(): void {
    this.#started = true;
    this.session.start();
    if (this.session.openStreams === 0) this.onIdle();
  }

  /** Whether a new stream may go here now. One that was just dialed takes those it was dialed for, or they would dial for ever. */
  get accepts(): boolean {
    return this.session.accepts && (!this.#started || this.#link.usable());
  }

  /** Whether it may accept more once it has said how many streams it takes. */
  get promising(): boolean {
    return this.session.promising && this.#link.usable();
  }

  unpark(): void {
    if (!this.#cancelClose) return;
    this.#cancelClose();
    this.#cancelClose = undefined;
    this.#link.unpark();
  }

  onStream(): void {}

  onConfigured(): void {
    this.#events.onReady();
  }

  /** Parks the connection; one that takes no new streams is closed at once. */
  onIdle(): void {
    if (!this.session.lasting || !this.#link.usable()) this.close();
    else if (!this.#cancelClose) {
      this.#link.park();
      this.#cancelClose = this.#clock.after(limits.parkedLinkMs, () => this.close());
    }
  }

  onClose(): void {
    this.#cancelClose?.();
    this.#events.onGone();
  }

  /** Lets open streams end, then closes; a far end that does not go along is reset. */
  close(): void {
    this.#events.onGone();
    this.session.drain();
    if (this.session.openStreams === 0) this.#clock.after(limits.h2LingerMs, () => this.session.abort());
  }
}

/** What a stream needs. */
export interface Wanted {
  readonly route: H2Route;
  readonly authority: string;
  /** A connection on which it failed before. */
  readonly avoided: H2Backend | undefined;
}

/** A stream's turn: `use` is called with a backend that accepts, and opens the stream before it returns. */
interface Waiter {
  readonly avoided: H2Backend | undefined;
  readonly use: (backend: H2Backend) => void;
  readonly fail: (error: KtError) => void;
}

/** The connections to one target. */
interface Group {
  readonly dial: () => Promise<Link>;
  readonly backends: Set<H2Backend>;
  waiters: Waiter[];
  dialing: boolean;
}

export class H2Backends {
  readonly #dial: DialRoute;
  readonly #clock: Clock;
  readonly #groups = new Map<string, Group>();
  readonly #ending = new AbortController();

  constructor(dial: DialRoute, clock: Clock) {
    this.#dial = dial;
    this.#clock = clock;
  }

  /**
   * Calls `use`, now or later, with a connection that accepts a stream or `fail`. Streams that wait
   * share one start. The returned function ends the wait; the start goes on for the next stream.
   */
  acquire(wanted: Wanted, use: Waiter["use"], fail: Waiter["fail"]): () => void {
    const group = this.#group(wanted);
    const waiter = { avoided: wanted.avoided, use, fail };
    group.waiters.push(waiter);
    this.#serve(group);
    return () => {
      group.waiters = group.waiters.filter((other) => other !== waiter);
    };
  }

  /** Ends everything; no stream may be open any more. */
  close(): void {
    this.#ending.abort();
    for (const group of this.#groups.values()) for (const backend of [...group.backends]) backend.close();
  }

  #group({ route, authority }: Wanted): Group {
    // Over TLS the name matters: a connection that was opened under one is not for another (RFC 9113 §9.1.1).
    const name = route.scheme === "http" ? "" : authority.toLowerCase();
    const key = `${route.scheme} ${name} ${targetKey(route.target)}`;
    const dial = (): Promise<Link> => this.#dial(route, authority, this.#ending.signal);
    const group = this.#groups.get(key) ?? { dial, backends: new Set(), waiters: [], dialing: false };
    this.#groups.set(key, group);
    return group;
  }

  /** Gives those who wait a connection, and opens another when there are more of them than there is room. */
  #serve(group: Group): void {
    for (const waiter of [...group.waiters]) {
      const backend = [...group.backends].find((one) => one !== waiter.avoided && one.accepts);
      // One served before may have had its turn, or its end, in what another did.
      if (!backend || !group.waiters.includes(waiter)) continue;
      group.waiters.splice(group.waiters.indexOf(waiter), 1);
      backend.unpark();
      waiter.use(backend);
    }
    const roomToCome = group.dialing || [...group.backends].some((one) => one.promising);
    if (group.waiters.length > 0 && !roomToCome) void this.#open(group);
  }

  async #open(group: Group): Promise<void> {
    group.dialing = true;
    try {
      const link = await group.dial();
      group.dialing = false;
      this.#opened(group, link);
    } catch (thrown) {
      group.dialing = false;
      const error = toKtError(thrown, "internal", "connecting to the backend");
      for (const waiter of group.waiters.splice(0)) waiter.fail(error);
    }
  }

  /** The connection starts after streams were given to it: one that fails at once must fail them, or they would be given to the next. */
  #opened(group: Group, link: Link): void {
    if (this.#ending.signal.aborted) {
      link.conn.abort();
      return;
    }
    const backend: H2Backend = new H2Backend(link, this.#clock, {
      onReady: () => this.#serve(group),
      onGone: () => {
        if (group.backends.delete(backend) && !this.#ending.signal.aborted) this.#serve(group);
      },
    });
    group.backends.add(backend);
    this.#serve(group);
    backend.start();
  }
}
