/** HTTP/1 connections to pods: opened through the Dialer, kept for the next request, and handed out again. */

import type { Clock } from "#base/clock.ts";
import type { Conn, ConnHandler } from "#base/conn.ts";
import { KtError } from "#base/errors.ts";
import { limits } from "#base/limits.ts";
import { tlsClient } from "#net/tls.ts";
import { type BackendScheme, type Target, targetKey } from "#route/target.ts";
import type { Dialer, Link } from "./dialer.ts";

/** Who uses a backend at the moment. */
export interface BackendUser {
  backendData(bytes: Uint8Array): void;
  backendEnded(): void;
  backendDrained(): void;
  backendClosed(error: KtError | undefined): void;
}

export interface BackendRequest {
  readonly target: Target;
  readonly scheme: BackendScheme;
  /** The name that the client asked for, sent as SNI. */
  readonly host: string;
  /** False for a request that must not be sent twice. */
  readonly repeatable: boolean;
}

/** One connection to a pod: the link, and the Conn that carries HTTP on it (TLS over the link's own for https). */
export class Backend implements ConnHandler {
  readonly link: Link;
  readonly conn: Conn;
  #user: BackendUser | undefined;
  #parkedMs = 0;
  /** Whatever a pod does to an unused connection, it is of no use afterwards. */
  #gone = false;

  constructor(link: Link, conn: Conn) {
    this.link = link;
    this.conn = conn;
  }

  /** Gives the connection to an exchange, or takes it from one that has ended. */
  use(user: BackendUser): void {
    const isNew = this.#user === undefined && this.#parkedMs === 0;
    this.#user = user;
    if (isNew) this.conn.start(this);
    else this.link.unpark();
  }

  park(nowMs: number): void {
    this.#user = undefined;
    this.#parkedMs = nowMs;
    this.link.park();
  }

  /** Whether it may carry another request. */
  isGood(nowMs: number): boolean {
    return !this.#gone && this.link.usable() && this.idleMs(nowMs) < limits.parkedLinkMs;
  }

  idleMs(nowMs: number): number {
    return nowMs - this.#parkedMs;
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

export class Backends {
  readonly #dialer: Dialer;
  readonly #clock: Clock;
  /** Per target and scheme, the most recently parked last. */
  readonly #parked = new Map<string, Backend[]>();
  #sweeping = false;

  constructor(dialer: Dialer, clock: Clock) {
    this.#dialer = dialer;
    this.#clock = clock;
  }

  /** A parked connection that still looks good, or undefined. */
  take(request: BackendRequest): Backend | undefined {
    const parked = this.#parked.get(poolKey(request));
    if (!parked) return undefined;
    const nowMs = this.#clock.now();
    for (let last = parked.at(-1); last; last = parked.at(-1)) {
      if (!last.isGood(nowMs)) last.conn.abort();
      // The others are older still: they are left for requests that may be repeated.
      else if (!request.repeatable && last.idleMs(nowMs) >= limits.parkedLinkForUnsafeMs) return undefined;
      else return parked.pop();
      parked.pop();
    }
    return undefined;
  }

  /** Opens a new connection. Rejects with KtError. */
  async open(request: BackendRequest, signal: AbortSignal): Promise<Backend> {
    const link = await this.#dialer.dial(request.target, signal);
    return new Backend(link, request.scheme === "http" ? link.conn : await overTls(link, request.host, ["http/1.1"]));
  }

  /** Takes back a connection whose response has ended and that may carry another request. Owns it from now on. */
  park(request: BackendRequest, backend: Backend): void {
    if (!backend.link.usable()) {
      backend.conn.abort();
      return;
    }
    backend.park(this.#clock.now());
    const key = poolKey(request);
    const parked = this.#parked.get(key);
    if (parked) parked.push(backend);
    else this.#parked.set(key, [backend]);
    this.#sweepLater();
  }

  /** Closes every parked connection. */
  close(): void {
    for (const parked of this.#parked.values()) for (const backend of parked) backend.conn.abort();
    this.#parked.clear();
  }

  #sweepLater(): void {
    if (this.#sweeping) return;
    this.#sweeping = true;
    this.#clock.after(limits.parkedLinkMs / 2, () => {
      this.#sweeping = false;
      this.#sweep();
    });
  }

  #sweep(): void {
    const nowMs = this.#clock.now();
    for (const [key, parked] of this.#parked) {
      const kept = parked.filter((backend) => backend.isGood(nowMs));
      for (const backend of parked) if (!kept.includes(backend)) backend.conn.abort();
      if (kept.length > 0) this.#parked.set(key, kept);
      else this.#parked.delete(key);
    }
    if (this.#parked.size > 0) this.#sweepLater();
  }
}

function poolKey(request: BackendRequest): string {
  // TLS connections are bound to the name that was sent as SNI.
  return request.scheme === "http" ? targetKey(request.target) : `${targetKey(request.target)}\u0000${request.host}`;
}

/**
 * TLS to a backend inside its tunnel. The certificate is not checked: the tunnel has brought us to the right pod, and what
 * pods present inside a cluster is signed by authorities that nobody outside knows. Rejects with KtError `backend-tls`.
 */
export async function overTls(link: Link, serverName: string, alpn: readonly string[]): Promise<Conn> {
  try {
    return (await tlsClient(link.conn, { serverName, insecure: true, alpn })).conn;
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new KtError("backend-tls", `pod "${link.pod}" did not agree to TLS: ${reason}`, {
      hints: ['set scheme = "http" for this route if the backend speaks plain HTTP'],
      cause: error,
    });
  }
}
