/** The HTTP/2 connections to backends that one client connection uses: opened on need, shared by its streams, parked, closed. */

import type { Clock } from "#base/clock.ts";
import { type KtError, toKtError } from "#base/errors.ts";
import { limits } from "#base/limits.ts";
import { type BackendScheme, type Target, targetKey } from "#route/target.ts";
import type { Link } from "./dialer.ts";
import { H2Session } from "./h2-session.ts";

/** Where a stream goes. */
export interface H2Route {
  readonly target: Target;
  /** How the backend is spoken to. */
  readonly scheme: BackendScheme;
  readonly profile: string;
  readonly route: string;
}

/** Opens the transport of an HTTP/2 connection to a pod of the route's target; `authority` is the client's, as sent. */
export type DialRoute = (route: H2Route, authority: string, signal: AbortSignal) => Promise<Link>;

/** One connection to a pod. */
export class H2Backend {
  readonly session: H2Session;
  readonly #link: Link;
  readonly #clock: Clock;
  readonly #forget: () => void;
  #cancelClose: (() => void) | undefined;

  constructor(link: Link, clock: Clock, forget: () => void) {
    this.#link = link;
    this.#clock = clock;
    this.#forget = forget;
    this.session = new H2Session("client", link.conn, clock, this);
  }

  /** Begins to send and to listen. */
  start(): void {
    this.session.start();
    if (this.session.openStreams === 0) this.onIdle();
  }

  /** Whether a new stream may go here now. */
  get accepts(): boolean {
    return this.session.accepts && this.#link.usable();
  }

  unpark(): void {
    if (!this.#cancelClose) return;
    this.#cancelClose();
    this.#cancelClose = undefined;
    this.#link.unpark();
  }

  onStream(): void {}

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
    this.#forget();
  }

  /** Lets open streams end, then closes; a far end that does not go along is reset. */
  close(): void {
    this.#forget();
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

/** A stream's turn: called with a backend that accepts, to open the stream before it returns. */
interface Waiter {
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
    const backend = pick(group, wanted.avoided);
    if (backend) {
      backend.unpark();
      use(backend);
      return () => {};
    }
    const waiter = { use, fail };
    group.waiters.push(waiter);
    if (!group.dialing) void this.#open(group);
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

  /**
   * Gives the new connection to those who wait, as many as it takes. It starts after that: one that fails at once must fail
   * them, or they would have it dialed again and again.
   */
  #opened(group: Group, link: Link): void {
    if (this.#ending.signal.aborted) {
      link.conn.abort();
      return;
    }
    const backend: H2Backend = new H2Backend(link, this.#clock, () => group.backends.delete(backend));
    group.backends.add(backend);
    while (group.waiters.length > 0 && backend.session.accepts) group.waiters.shift()?.use(backend);
    if (group.waiters.length > 0) void this.#open(group);
    backend.start();
  }
}

function pick(group: Group, avoided: H2Backend | undefined): H2Backend | undefined {
  for (const backend of group.backends) if (backend !== avoided && backend.accepts) return backend;
  return undefined;
}
