/** HTTP/1 connections to pods: opened through the Dialer, kept for the next request, and handed out again. */

import type { Clock } from "#base/clock.ts";
import type { Conn } from "#base/conn.ts";
import { KtError, toKtError, messageOf } from "#base/errors.ts";
import { parseAuthority } from "#base/hostname.ts";
import { limits } from "#base/limits.ts";
import { tlsClient } from "#net/tls.ts";
import { type BackendScheme, type Target, targetKey } from "#route/target.ts";
import { Backend } from "./backend.ts";
import type { Dialer, Link } from "./dialer.ts";

export interface BackendRequest {
  readonly target: Target;
  readonly scheme: BackendScheme;
  /** What the client asked for, as sent; its name is the SNI of a TLS backend. */
  readonly host: string;
  /** False for a request that must not be sent twice. */
  readonly repeatable: boolean;
}

/** Who waits for a connection. */
interface Waiter {
  readonly sinceMs: number;
  readonly give: (backend: Backend) => void;
  readonly refuse: (error: KtError) => void;
}

/** The connections to one target. */
interface Pool {
  /** Unused ones, the most recently parked last. */
  readonly parked: Backend[];
  /** Oldest first. */
  readonly waiting: Set<Waiter>;
  opening: number;
  /** It will be looked at who has waited for too long. */
  watching: boolean;
}

export class Backends {
  readonly #dialer: Dialer;
  readonly #clock: Clock;
  readonly #pools = new Map<string, Pool>();
  readonly #closing = new AbortController();
  #sweeping = false;

  constructor(dialer: Dialer, clock: Clock) {
    this.#dialer = dialer;
    this.#clock = clock;
  }

  /** A parked connection that still looks good, or undefined. */
  take(request: BackendRequest): Backend | undefined {
    const parked = this.#pools.get(poolKey(request))?.parked;
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

  /**
   * A new connection, or one that another request gives back in the meantime: when many requests come at once, most are
   * served sooner by the first connections than each by one of its own, so only those that are not get one. Rejects with
   * KtError; a dial that failed speaks for everybody who waits for the same target. When `signal` aborts only this wait ends.
   */
  open(request: BackendRequest, signal: AbortSignal): Promise<Backend> {
    const pool = this.#pool(request);
    return new Promise((resolve, reject) => {
      const leave = (): void => {
        pool.waiting.delete(waiter);
        signal.removeEventListener("abort", onAbort);
      };
      const onAbort = (): void => waiter.refuse(toKtError(signal.reason, "connection-lost", "wait for a connection"));
      const waiter: Waiter = {
        sinceMs: this.#clock.now(),
        give: (backend) => {
          leave();
          resolve(backend);
        },
        refuse: (error) => {
          leave();
          reject(error);
        },
      };
      signal.addEventListener("abort", onAbort);
      pool.waiting.add(waiter);
      this.#open(request, pool, pool.waiting.size <= limits.openingBackends ? pool.waiting.size : 0);
    });
  }

  /** Takes back a connection whose response has ended and that may carry another request. Owns it from now on. */
  park(request: BackendRequest, backend: Backend): void {
    if (!backend.link.usable()) {
      backend.conn.abort();
      return;
    }
    backend.release();
    this.#offer(this.#pool(request), backend);
  }

  /** Closes every parked connection and gives up on those being opened. */
  close(): void {
    this.#closing.abort(new KtError("shutting-down", "kt is shutting down"));
    for (const { parked } of this.#pools.values()) for (const backend of parked.splice(0)) backend.conn.abort();
  }

  #pool(request: BackendRequest): Pool {
    const key = poolKey(request);
    let pool = this.#pools.get(key);
    if (!pool) {
      pool = { parked: [], waiting: new Set(), opening: 0, watching: false };
      this.#pools.set(key, pool);
    }
    return pool;
  }

  #open(request: BackendRequest, pool: Pool, wanted: number): void {
    while (pool.opening < Math.min(wanted, pool.waiting.size, limits.openingBackends)) void this.#openOne(request, pool);
    // With as many being opened as may be, the next look comes with the first of them.
    if (pool.watching || pool.opening >= Math.min(pool.waiting.size, limits.openingBackends)) return;
    pool.watching = true;
    this.#clock.after(limits.backendPatienceMs, () => {
      pool.watching = false;
      this.#openForImpatient(request, pool);
    });
  }

  #openForImpatient(request: BackendRequest, pool: Pool): void {
    const beforeMs = this.#clock.now() - limits.backendPatienceMs;
    let impatient = 0;
    for (const { sinceMs } of pool.waiting) {
      if (sinceMs > beforeMs) break;
      impatient += 1;
    }
    this.#open(request, pool, impatient);
  }

  async #openOne(request: BackendRequest, pool: Pool): Promise<void> {
    pool.opening += 1;
    try {
      const link = await this.#dialer.dial(request.target, this.#closing.signal);
      const conn = request.scheme === "http" ? link.conn : await overTls(link, request.host, ["http/1.1"], this.#clock);
      pool.opening -= 1;
      this.#offer(pool, new Backend(link, conn));
    } catch (error) {
      pool.opening -= 1;
      const problem = toKtError(error, "internal", "open a connection to the pod");
      for (const waiter of [...pool.waiting]) waiter.refuse(problem);
    }
    this.#openForImpatient(request, pool);
  }

  #offer(pool: Pool, backend: Backend): void {
    const [waiter] = pool.waiting;
    if (waiter) waiter.give(backend);
    else {
      backend.keep(this.#clock.now());
      pool.parked.push(backend);
      this.#sweepLater();
    }
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
    let left = 0;
    for (const [key, pool] of this.#pools) {
      const all = pool.parked.splice(0);
      for (const backend of all) {
        if (backend.isGood(nowMs)) pool.parked.push(backend);
        else backend.conn.abort();
      }
      left += pool.parked.length;
      if (pool.parked.length === 0 && pool.waiting.size === 0 && pool.opening === 0) this.#pools.delete(key);
    }
    if (left > 0) this.#sweepLater();
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
export async function overTls(link: Link, authority: string, alpn: readonly string[], clock: Clock): Promise<Conn> {
  const serverName = parseAuthority(authority)?.host ?? authority;
  const giveUp = new AbortController();
  const tooLate = new Error(`no answer within ${limits.backendTlsMs / 1000} s`);
  const cancel = clock.after(limits.backendTlsMs, () => giveUp.abort(tooLate));
  try {
    return (await tlsClient(link.conn, { serverName, insecure: true, alpn }, giveUp.signal)).conn;
  } catch (error) {
    const reason = messageOf(error);
    throw new KtError("backend-tls", `pod "${link.pod}" did not agree to TLS: ${reason}`, {
      hints: ['set scheme = "http" for this route if the backend speaks plain HTTP'],
      cause: error,
    });
  } finally {
    cancel();
  }
}
