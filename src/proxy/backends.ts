/** HTTP/1 connections to pods: opened through the Dialer, kept for the next request, and handed out again. */

import type { Clock } from "#base/clock.ts";
import type { Conn } from "#base/conn.ts";
import { KtError } from "#base/errors.ts";
import { limits } from "#base/limits.ts";
import { tlsClient } from "#net/tls.ts";
import { type BackendScheme, type Target, targetKey } from "#route/target.ts";
import type { Dialer, Link } from "./dialer.ts";

/** One connection to a pod: the link, and the Conn that carries HTTP on it (TLS over the link's own for https). */
export interface Backend {
  readonly link: Link;
  readonly conn: Conn;
  /** True when it has carried a request before: the pod may have closed it in the meantime. */
  readonly reused: boolean;
}

export interface BackendRequest {
  readonly target: Target;
  readonly scheme: BackendScheme;
  /** The name that the client asked for, sent as SNI. */
  readonly host: string;
  /** False for a request that must not be sent twice. */
  readonly repeatable: boolean;
}

interface Parked {
  readonly backend: Backend;
  readonly sinceMs: number;
  gone: boolean;
}

const ignore = (): void => {};

export class Backends {
  readonly #dialer: Dialer;
  readonly #clock: Clock;
  /** Per target and scheme, the most recently parked last. */
  readonly #parked = new Map<string, Parked[]>();
  #sweeping = false;

  constructor(dialer: Dialer, clock: Clock) {
    this.#dialer = dialer;
    this.#clock = clock;
  }

  /** A parked connection that still looks good, or undefined. */
  take(request: BackendRequest): Backend | undefined {
    const parked = this.#parked.get(poolKey(request));
    if (!parked) return undefined;
    for (let last = parked.pop(); last; last = parked.pop()) {
      if (last.gone) continue;
      const { link, conn } = last.backend;
      const idleMs = this.#clock.now() - last.sinceMs;
      if (link.usable() && idleMs < limits.parkedLinkMs && (request.repeatable || idleMs < limits.parkedLinkForUnsafeMs)) {
        link.unpark();
        return { link, conn, reused: true };
      }
      conn.abort();
    }
    return undefined;
  }

  /** Opens a new connection. Rejects with KtError. */
  async open(request: BackendRequest, signal: AbortSignal): Promise<Backend> {
    const link = await this.#dialer.dial(request.target, signal);
    if (request.scheme === "http") return { link, conn: link.conn, reused: false };
    return { link, conn: await overTls(link, request.host, ["http/1.1"]), reused: false };
  }

  /** Takes back a connection whose response has ended and that may carry another request. Owns it from now on. */
  park(request: BackendRequest, backend: Backend): void {
    const { link, conn } = backend;
    if (!link.usable()) {
      conn.abort();
      return;
    }
    const entry: Parked = { backend, sinceMs: this.#clock.now(), gone: false };
    // Whatever a pod does to an unused connection, it is of no use afterwards.
    const drop = (): void => {
      if (entry.gone) return;
      entry.gone = true;
      conn.abort();
    };
    conn.start({ onData: drop, onEnd: drop, onDrain: ignore, onClose: drop });
    link.park();
    const key = poolKey(request);
    const parked = this.#parked.get(key);
    if (parked) parked.push(entry);
    else this.#parked.set(key, [entry]);
    this.#sweepLater();
  }

  /** Closes every parked connection. */
  close(): void {
    for (const parked of this.#parked.values()) for (const { backend } of parked) backend.conn.abort();
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
      const kept = parked.filter((entry) => {
        if (entry.gone) return false;
        if (nowMs - entry.sinceMs < limits.parkedLinkMs && entry.backend.link.usable()) return true;
        entry.backend.conn.abort();
        return false;
      });
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
