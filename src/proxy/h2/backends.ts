/** The HTTP/2 connections to backends that one client connection uses: opened on need, shared by its streams, parked, closed. */

import type { Clock } from "#base/clock.ts";
import { KtError, toKtError } from "#base/errors.ts";
import { httpLimits } from "#http/limits.ts";
import { proxyLimits } from "#proxy/limits.ts";
import { speaksH2 } from "#route/app-protocol.ts";
import type { Found } from "#route/lookup.ts";
import { backendTlsKey } from "#route/route-tls.ts";
import { type BackendProtocol, targetKey } from "#route/target.ts";
import type { Link } from "#proxy/door/dialer.ts";
import { H2Session } from "#http/h2/session.ts";
import { NotH2Error } from "#http/h2/not-h2.ts";
import type { SpeechMemory } from "./speech-memory.ts";

/**
 * Opens the transport of an HTTP/2 connection to a pod of the route's target; `authority` is the client's, as sent. Rejects with
 * NotH2Error when TLS says that the backend has no HTTP/2.
 */
export type DialRoute = (route: Found, authority: string, signal: AbortSignal) => Promise<Link>;

interface BackendEvents {
  /** It takes streams, and has said how many. */
  onReady(): void;
  /** It has ended without a greeting; `onGone` follows. */
  onUnfit(error: KtError): void;
  /** It takes no more. */
  onGone(): void;
}

/** A backend that says nothing and closes may yet speak HTTP/1. */
function whyUnfit(error: KtError | undefined): KtError {
  if (error !== undefined && error.code !== "connection-lost") return error;
  return new NotH2Error("the backend closed the connection when it was asked for HTTP/2");
}

/** One connection to a pod. */
export class H2Backend {
  readonly session: H2Session;
  readonly #link: Link;
  readonly #clock: Clock;
  readonly #events: BackendEvents;
  #cancelClose: (() => void) | undefined;
  #cancelWait: (() => void) | undefined;
  #started = false;
  /** It has not given a stream to those it was dialed for. */
  #fresh = true;
  /** Whether it speaks HTTP/2 is not known: nothing of a client's may be sent to it, for HTTP/1 could be read into it. */
  #unsure: boolean;

  /** `unsure`: it is to greet first. */
  constructor(link: Link, clock: Clock, unsure: boolean, events: BackendEvents) {
    this.#link = link;
    this.#clock = clock;
    this.#events = events;
    this.#unsure = unsure;
    this.session = new H2Session("client", link.conn, clock, this);
  }

  /** Begins to send and to listen. */
  start(): void {
    this.#started = true;
    this.#fresh = this.#unsure;
    if (this.#unsure) this.#cancelWait = this.#clock.after(proxyLimits.h2GreetingMs, () => this.#settle());
    this.session.start();
    if (this.session.openStreams === 0 && !this.#unsure) this.onIdle();
  }

  /** Whether a new stream may go here now. One that was just dialed takes those it was dialed for, or they would dial for ever. */
  get accepts(): boolean {
    return this.session.accepts && !this.#unsure && (this.#isNew || this.#link.usable());
  }

  /** Whether it may accept more once it has said how many streams it takes. */
  get promising(): boolean {
    return this.session.promising && (this.#isNew || this.#link.usable());
  }

  get #isNew(): boolean {
    return !this.#started || this.#fresh;
  }

  unpark(): void {
    if (!this.#cancelClose) return;
    this.#cancelClose();
    this.#cancelClose = undefined;
    this.#link.unpark();
  }

  onStream(): void {}

  onConfigured(): void {
    if (this.#unsure) this.#settle();
    else this.#events.onReady();
  }

  /** It speaks HTTP/2, or has had its time to say so. */
  #settle(): void {
    this.#cancelWait?.();
    this.#unsure = false;
    this.#events.onReady();
    this.#fresh = false;
    if (this.session.openStreams === 0) this.onIdle();
  }

  /** Parks the connection; one that takes no new streams is closed at once. */
  onIdle(): void {
    if (!this.session.lasting || !this.#link.usable()) this.close();
    else if (!this.#cancelClose) {
      this.#link.park();
      this.#cancelClose = this.#clock.after(proxyLimits.parkedLinkMs, () => this.close());
    }
  }

  onClose(error: KtError | undefined): void {
    this.#cancelClose?.();
    this.#cancelWait?.();
    if (this.#unsure) this.#events.onUnfit(whyUnfit(error));
    this.#events.onGone();
  }

  /** Lets open streams end, then closes; a peer that does not close is reset. */
  close(): void {
    this.#events.onGone();
    this.session.drain();
    if (this.session.openStreams === 0) this.#clock.after(httpLimits.h2LingerMs, () => this.session.abort());
  }
}

/** What a stream needs. */
export interface Wanted {
  readonly route: Found;
  readonly authority: string;
  /** A connection on which it failed before. */
  readonly avoided: H2Backend | undefined;
  /** It is an extended CONNECT (RFC 8441), which not every backend offers. */
  readonly connects: boolean;
}

/** The backend speaks HTTP/2, and has no WebSockets in it: it may be asked for one in HTTP/1. */
export class NoWebSocketError extends KtError {
  constructor() {
    super("backend-invalid", "the backend's HTTP/2 has no WebSockets");
  }
}

/** A stream's turn: `use` is called with a backend that accepts, and opens the stream before it returns. */
interface Waiter extends Pick<Wanted, "avoided" | "connects"> {
  readonly use: (backend: H2Backend) => void;
  readonly fail: (error: KtError) => void;
}

/** The connections to one target. */
interface Group {
  readonly key: string;
  readonly protocol: BackendProtocol | undefined;
  readonly dial: () => Promise<Link>;
  readonly backends: Set<H2Backend>;
  waiters: Waiter[];
  dialing: boolean;
}

function groupKey(route: Found, authority: string): string {
  // Over TLS the name matters: a connection that was opened under one is not for another (RFC 9113 §9.1.1).
  const name = route.scheme === "http" ? "" : `${authority.toLowerCase()} ${backendTlsKey(route.manner?.tls)}`;
  return `${route.scheme} ${name} ${route.manner?.protocol ?? ""} ${targetKey(route.target)}`;
}

/** Whether the stream may be opened there now, or asked for in HTTP/1. What a backend offers is known once it has greeted. */
function takes(backend: H2Backend, { connects }: Waiter): boolean {
  return backend.accepts && (!connects || backend.session.isConfigured);
}

export class H2Backends {
  readonly #dial: DialRoute;
  readonly #clock: Clock;
  readonly #speech: SpeechMemory;
  readonly #groups = new Map<string, Group>();
  readonly #ending = new AbortController();

  constructor(dial: DialRoute, clock: Clock, speech: SpeechMemory) {
    this.#dial = dial;
    this.#clock = clock;
    this.#speech = speech;
  }

  /** Whether the backend was lately found to have no HTTP/2, or the profile says that it has none. */
  isHttp1(route: Found, authority: string): boolean {
    return route.manner?.protocol === "http1" || this.#speech.of(groupKey(route, authority)) === "http1";
  }

  /** The backend was asked in HTTP/1: it answered, or it could not be asked so either. */
  noteHttp1(route: Found, authority: string, answered: boolean): void {
    const key = groupKey(route, authority);
    if (answered) this.#speech.note(key, "http1");
    else this.#speech.forget(key);
  }

  /**
   * Calls `use`, now or later, with a connection that accepts a stream or `fail`. Streams that wait
   * share one start. The returned function ends the wait; the start goes on for the next stream.
   */
  acquire(wanted: Wanted, use: Waiter["use"], fail: Waiter["fail"]): () => void {
    const group = this.#group(wanted);
    const waiter = { avoided: wanted.avoided, connects: wanted.connects, use, fail };
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
    const key = groupKey(route, authority);
    const known = this.#groups.get(key);
    if (known) return known;
    const dial = (): Promise<Link> => this.#dial(route, authority, this.#ending.signal);
    const group: Group = { key, protocol: route.manner?.protocol, dial, backends: new Set(), waiters: [], dialing: false };
    this.#groups.set(key, group);
    return group;
  }

  /** Gives those who wait a connection, and opens another when there are more of them than there is room. */
  #serve(group: Group): void {
    for (const waiter of [...group.waiters]) {
      const backend = [...group.backends].find((one) => one !== waiter.avoided && takes(one, waiter));
      // One served before may have had its turn, or its end, in what another did.
      if (!backend || !group.waiters.includes(waiter)) continue;
      group.waiters.splice(group.waiters.indexOf(waiter), 1);
      if (waiter.connects && !backend.session.offersConnect) {
        waiter.fail(new NoWebSocketError());
        continue;
      }
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
    // One that is opened for WebSockets alone has no stream to begin with before it has said that it offers them.
    const isForConnects = group.waiters.every(({ connects }) => connects);
    const unsure = isForConnects || (this.#speech.of(group.key) !== "h2" && !speaksH2(group.protocol, link.appProtocol));
    const backend: H2Backend = new H2Backend(link, this.#clock, unsure, {
      onReady: () => {
        if (backend.session.isConfigured) this.#speech.note(group.key, "h2");
        this.#serve(group);
      },
      onUnfit: (error) => {
        for (const waiter of group.waiters.splice(0)) waiter.fail(error);
      },
      onGone: () => {
        if (group.backends.delete(backend) && !this.#ending.signal.aborted) this.#serve(group);
      },
    });
    group.backends.add(backend);
    this.#serve(group);
    backend.start();
  }
}
