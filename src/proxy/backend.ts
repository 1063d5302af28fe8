/** One HTTP/1 connection to a pod, used by one exchange after the other. */

import type { Conn, ConnHandler } from "#base/conn.ts";
import type { KtError } from "#base/errors.ts";
import { limits } from "#base/limits.ts";
import type { Link } from "./dialer.ts";

/** Who uses a backend at the moment. */
export interface BackendUser {
  backendData(bytes: Uint8Array): void;
  backendEnded(): void;
  backendDrained(): void;
  backendClosed(error: KtError | undefined): void;
}

/** One connection to a pod: the link, and the Conn that carries HTTP on it (TLS over the link's own for https). */
export class Backend implements ConnHandler {
  readonly link: Link;
  readonly conn: Conn;
  #user: BackendUser | undefined;
  #isStarted = false;
  #isKept = false;
  #keptMs = 0;
  /** Whatever a pod does to an unused connection, it is of no use afterwards. */
  #gone = false;

  constructor(link: Link, conn: Conn) {
    this.link = link;
    this.conn = conn;
  }

  /** Gives the connection to an exchange, or takes it from one that has ended. */
  use(user: BackendUser): void {
    this.#user = user;
    if (this.#isKept) this.link.unpark();
    if (!this.#isStarted) this.conn.start(this);
    this.#isKept = false;
    this.#isStarted = true;
    // It may have closed between two exchanges, when there was nobody to tell.
    if (this.#gone) queueMicrotask(() => user.backendClosed(undefined));
  }

  /** The exchange that used it has ended; another may follow at once. */
  release(): void {
    this.#user = undefined;
  }

  /** Nobody uses it, and nobody waits for it. */
  keep(nowMs: number): void {
    this.#isKept = true;
    this.#keptMs = nowMs;
    this.link.park();
    if (!this.#isStarted) this.conn.start(this);
    this.#isStarted = true;
  }

  /** Whether it may carry another request. */
  isGood(nowMs: number): boolean {
    return !this.#gone && this.link.usable() && this.idleMs(nowMs) < limits.parkedLinkMs;
  }

  idleMs(nowMs: number): number {
    return nowMs - this.#keptMs;
  }

  onData(bytes: Uint8Array): void {
    if (this.#user) this.#user.backendData(bytes);
    else this.#drop();
  }

  onEnd(): void {
    if (this.#user) this.#user.backendEnded();
    else this.#drop();
  }

  onDrain(): void {
    this.#user?.backendDrained();
  }

  onClose(error: KtError | undefined): void {
    this.#gone = true;
    this.#user?.backendClosed(error);
  }

  #drop(): void {
    this.#gone = true;
    this.conn.abort();
  }
}
