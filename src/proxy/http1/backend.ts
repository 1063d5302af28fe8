/** One HTTP/1 connection to a pod, used by one exchange after the other. */

import type { Conn, ConnHandler } from "#base/conn.ts";
import type { KtError } from "#base/errors.ts";
import { proxyLimits } from "#proxy/limits.ts";
import type { Link } from "#proxy/door/dialer.ts";
import type { Pause } from "./keep-alive.ts";

/** The exchange that uses a backend. */
export interface BackendUser {
  backendData(bytes: Uint8Array): void;
  backendEnded(): void;
  backendDrained(): void;
  backendClosed(error: KtError | undefined): void;
}

/** A connection of HTTP/1 to a backend that speaks something else. */
export interface TranslatedConn extends Conn {
  /** HTTP/2, so no upgrade can be asked for on it. */
  readonly isH2: boolean;
}

/** Keeps backends that are not in use. */
export interface BackendKeeper {
  /** It is closed or closing. `closedByPod`: in good order, while it was kept. */
  gone(backend: Backend, closedByPod: boolean): void;
}

/** One connection to a pod: the link, and the Conn that carries HTTP on it (TLS over the link's own for https). */
export class Backend implements ConnHandler {
  readonly link: Link;
  readonly conn: Conn;
  readonly #translated: TranslatedConn | undefined;
  #user: BackendUser | undefined;
  #isStarted = false;
  #isKept = false;
  #answers = 0;
  #restedMs: number;
  /** The pause before the request under way. */
  #before: Pause;
  /** It is closed or closing: no request may use it. */
  #gone = false;
  readonly #keeper: BackendKeeper;

  constructor(link: Link, conn: Conn | TranslatedConn, keeper: BackendKeeper, nowMs: number) {
    this.link = link;
    this.conn = conn;
    this.#translated = "isH2" in conn ? conn : undefined;
    this.#keeper = keeper;
    this.#restedMs = nowMs;
    this.#before = { answers: 0, idleMs: 0 };
  }

  /** It is closed or closing. */
  get gone(): boolean {
    return this.#gone;
  }

  /** The pause before the request under way; without answers for the first one. */
  get before(): Pause {
    return this.#before;
  }

  /** Whether it can switch protocols. */
  get upgrades(): boolean {
    return this.#translated?.isH2 !== true;
  }

  /** How it rests now. */
  pause(nowMs: number): Pause {
    return { answers: this.#answers, idleMs: nowMs - this.#restedMs };
  }

  /** Gives the connection to an exchange, or takes it from one that has ended. */
  use(user: BackendUser, nowMs: number): void {
    this.#user = user;
    this.#before = this.pause(nowMs);
    if (this.#isKept) this.link.unpark();
    if (!this.#isStarted) this.conn.start(this);
    this.#isKept = false;
    this.#isStarted = true;
  }

  /** The exchange that used it has its answer; another may follow at once. */
  release(nowMs: number): void {
    this.#user = undefined;
    this.#answers += 1;
    this.#restedMs = nowMs;
  }

  /** It is not in use, and no request waits for it. */
  keep(): void {
    this.#isKept = true;
    this.link.park();
    if (!this.#isStarted) this.conn.start(this);
    this.#isStarted = true;
  }

  /** Ends it in good order: what it was carried by is free sooner than after an abort. */
  leave(): void {
    this.#gone = true;
    this.keep();
    this.conn.end();
  }

  /** Whether it may carry another request, as far as it can tell. */
  isGood(nowMs: number): boolean {
    return !this.#gone && this.link.usable() && nowMs - this.#restedMs < proxyLimits.parkedLinkMs;
  }

  onData(bytes: Uint8Array): void {
    if (this.#user) this.#user.backendData(bytes);
    else this.conn.abort();
  }

  onEnd(): void {
    if (this.#user) {
      this.#user.backendEnded();
      return;
    }
    const wasGood = !this.#gone;
    this.#gone = true;
    this.conn.end();
    if (wasGood) this.#keeper.gone(this, true);
  }

  onDrain(): void {
    this.#user?.backendDrained();
  }

  onClose(error: KtError | undefined): void {
    this.#gone = true;
    if (this.#user) this.#user.backendClosed(error);
    else this.#keeper.gone(this, false);
  }
}
