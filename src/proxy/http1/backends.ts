/** HTTP/1 connections to pods: opened through the Dialer, kept for the next request, and handed out again. */

import type { Clock } from "#base/clock.ts";
import type { Conn } from "#base/conn.ts";
import { KtError, toKtError } from "#base/errors.ts";
import { proxyLimits } from "#proxy/limits.ts";
import { offersH2, schemeOfAppProtocol, speaksH2 } from "#route/app-protocol.ts";
import { type BackendTls, backendTlsKey } from "#route/route-tls.ts";
import { type BackendProtocol, type BackendScheme, type Destination, isInCluster, targetKey } from "#route/target.ts";
import { Backend, type BackendKeeper, type TranslatedConn } from "./backend.ts";
import type { DoorContext } from "#proxy/door/context.ts";
import type { Dialer, Link } from "#proxy/door/dialer.ts";
import { tlsToPod } from "#proxy/tls/tls-to-pod.ts";
import { KeepAlive } from "./keep-alive.ts";

/** Makes a connection of HTTP/1 of one of HTTP/2; "https": inside TLS, where HTTP/2 is agreed on. */
export type OverH2 = (conn: Conn, clock: Clock, scheme: BackendScheme) => Promise<TranslatedConn>;

export interface BackendRequest {
  readonly target: Destination;
  readonly scheme: BackendScheme;
  /** The profile does not say the scheme: what the cluster says of the port counts. */
  readonly isSchemeGuessed?: boolean;
  /** What the client asked for, as sent; its name is the SNI of a TLS backend. */
  readonly host: string;
  readonly tls?: BackendTls | undefined;
  /** The profile's word; absent: the cluster's. */
  readonly protocol?: BackendProtocol | undefined;
  /** It asks for another protocol. */
  readonly upgrades?: boolean;
  /** False for a request that cannot be sent again once a backend may have had it. */
  readonly repeatable: boolean;
}

/** A request that waits for a connection. */
interface Waiter {
  readonly sinceMs: number;
  /** Only a connection that was not used before will do. */
  readonly choosy: boolean;
  readonly repeatable: boolean;
  readonly upgrades: boolean;
  readonly give: (backend: Backend) => void;
  readonly refuse: (error: KtError) => void;
}

/** The connections to one target. */
interface Pool extends BackendKeeper {
  /** "" for kt's own pages. */
  readonly profile: string;
  /** Unused ones, the most recently parked last. */
  readonly parked: Backend[];
  /** Oldest first. */
  readonly waiting: Set<Waiter>;
  opening: number;
  /** It will be looked at who has waited for too long. */
  watching: boolean;
  readonly keepAlive: KeepAlive;
  lastUsedMs: number;
}

export class Backends {
  readonly #dialer: Dialer;
  readonly #clock: Clock;
  readonly #idleLimitsOf: DoorContext["idleLimitsOf"];
  readonly #overH2: OverH2 | undefined;
  readonly #pools = new Map<string, Pool>();
  readonly #closing = new AbortController();
  /** Given up, and not over yet. */
  readonly #leaving = new Set<Backend>();
  #sweeping = false;

  /** Without `overH2` every backend is spoken to in HTTP/1. */
  constructor(dialer: Dialer, clock: Clock, idleLimitsOf?: DoorContext["idleLimitsOf"], overH2?: OverH2) {
    this.#idleLimitsOf = idleLimitsOf;
    this.#dialer = dialer;
    this.#clock = clock;
    this.#overH2 = overH2;
  }

  /** A parked connection that the request may use, or undefined. */
  take(request: BackendRequest): Backend | undefined {
    const pool = this.#pools.get(poolKey(request));
    if (!pool || pool.parked.length === 0) return undefined;
    const nowMs = this.#clock.now();
    const found = takeParked(pool, request, nowMs);
    if (found || pool.parked.length === 0) return found;
    for (const backend of pool.parked) pool.keepAlive.stillOpen(backend.pause(nowMs));
    return takeParked(pool, request, nowMs);
  }

  /**
   * A new connection, or one that another request gives back in the meantime: when many requests come at once, most are
   * served sooner by the first connections than each by one of its own, so only those that are not get one. `unused`: only a new
   * one will do. Rejects with KtError; a dial that failed fails every request that waits for the same target. When `signal`
   * aborts only this wait ends.
   */
  open(request: BackendRequest, signal: AbortSignal, unused = false): Promise<Backend> {
    const pool = this.#pool(request);
    return new Promise((resolve, reject) => {
      const leave = (): void => {
        pool.waiting.delete(waiter);
        signal.removeEventListener("abort", onAbort);
      };
      const onAbort = (): void => waiter.refuse(toKtError(signal.reason, "connection-lost", "wait for a connection"));
      const waiter: Waiter = {
        sinceMs: this.#clock.now(),
        choosy: unused || !pool.keepAlive.mayUse({ answers: 1, idleMs: 0 }, request.repeatable),
        repeatable: request.repeatable,
        upgrades: request.upgrades === true,
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
      this.#open(request, pool, pool.waiting.size <= proxyLimits.openingBackends ? pool.waiting.size : 0);
    });
  }

  /** Takes back a connection that has answered, `open` where both sides will go on with it. Owns it from now on. */
  answered(request: BackendRequest, backend: Backend, open: boolean): void {
    const pool = this.#pool(request);
    const nowMs = this.#clock.now();
    if (backend.before.answers > 0) pool.keepAlive.answeredAgain(backend.before);
    backend.release(nowMs);
    pool.lastUsedMs = nowMs;
    if (open && backend.link.usable()) this.#offer(pool, backend, request.repeatable, nowMs);
    else this.#leave(backend);
  }

  /** The pod had closed a connection when a request came on it, or closed it without a byte of an answer. */
  closedEarly(request: BackendRequest, { before }: Backend): void {
    if (before.answers > 0) this.#pool(request).keepAlive.closed(before);
  }

  /** Closes every unused connection and gives up on those being opened. */
  close(): void {
    this.#closing.abort(new KtError("shutting-down", "kt is shutting down"));
    for (const { parked } of this.#pools.values()) for (const backend of parked.splice(0)) backend.conn.abort();
    for (const backend of [...this.#leaving]) backend.conn.abort();
  }

  #pool(request: BackendRequest): Pool {
    const key = poolKey(request);
    let pool = this.#pools.get(key);
    if (!pool) {
      pool = this.#newPool(isInCluster(request.target) ? request.target.cluster.profile : "");
      this.#pools.set(key, pool);
    }
    return pool;
  }

  #newPool(profile: string): Pool {
    const parked: Backend[] = [];
    const keepAlive = new KeepAlive();
    const gone: Pool["gone"] = (backend, closedByPod) => {
      this.#leaving.delete(backend);
      const at = parked.indexOf(backend);
      if (at >= 0) parked.splice(at, 1);
      if (closedByPod) keepAlive.closed(backend.pause(this.#clock.now()));
    };
    return { profile, parked, waiting: new Set(), opening: 0, watching: false, keepAlive, lastUsedMs: this.#clock.now(), gone };
  }

  #open(request: BackendRequest, pool: Pool, wanted: number): void {
    while (pool.opening < Math.min(wanted, pool.waiting.size, proxyLimits.openingBackends)) void this.#openOne(request, pool);
    // With as many being opened as may be, the next look comes with the first of them.
    if (pool.watching || pool.opening >= Math.min(pool.waiting.size, proxyLimits.openingBackends)) return;
    pool.watching = true;
    this.#clock.after(proxyLimits.backendPatienceMs, () => {
      pool.watching = false;
      this.#openForImpatient(request, pool);
    });
  }

  #openForImpatient(request: BackendRequest, pool: Pool): void {
    const beforeMs = this.#clock.now() - proxyLimits.backendPatienceMs;
    let impatient = 0;
    for (const { sinceMs, choosy } of pool.waiting) if (choosy || sinceMs <= beforeMs) impatient += 1;
    this.#open(request, pool, impatient);
  }

  async #openOne(request: BackendRequest, pool: Pool): Promise<void> {
    pool.opening += 1;
    const startedMs = this.#clock.now();
    try {
      const { link, conn } = await whileSessionsLast(() => this.#dial(request));
      pool.opening -= 1;
      const nowMs = this.#clock.now();
      this.#offer(pool, new Backend(link, conn, pool, nowMs), request.repeatable, nowMs);
    } catch (error) {
      pool.opening -= 1;
      const problem = toKtError(error, "internal", "open a connection to the pod");
      const isFull = problem.detail === "limit-reached";
      // While the dial waited for room others were given back: who came later has not waited as long as it may.
      for (const waiter of [...pool.waiting]) if (!isFull || waiter.sinceMs <= startedMs) waiter.refuse(problem);
    }
    this.#openForImpatient(request, pool);
  }

  async #dial(request: BackendRequest): Promise<{ readonly link: Link; readonly conn: Conn }> {
    const link = await this.#dialer.dial(request.target, this.#closing.signal);
    const scheme = (request.isSchemeGuessed ? schemeOfAppProtocol(link.appProtocol) : undefined) ?? request.scheme;
    if (scheme === "http") {
      const overH2 = speaksH2(request.protocol, link.appProtocol) ? this.#overH2 : undefined;
      return { link, conn: (await overH2?.(link.conn, this.#clock, scheme)) ?? link.conn };
    }
    return { link, conn: await this.#dialTls(request, link) };
  }

  /** An upgrade needs a connection of HTTP/1. */
  async #dialTls({ host, tls, protocol, upgrades }: BackendRequest, link: Link): Promise<Conn> {
    const overH2 = upgrades !== true && offersH2(protocol, link.appProtocol) ? this.#overH2 : undefined;
    const alpn = overH2 ? ["h2", "http/1.1"] : ["http/1.1"];
    const session = await tlsToPod(link, { authority: host, alpn, clock: this.#clock, tls });
    return overH2 && session.alpn === "h2" ? await overH2(session.conn, this.#clock, "https") : session.conn;
  }

  #offer(pool: Pool, backend: Backend, repeatable: boolean, nowMs: number): void {
    const pause = backend.pause(nowMs);
    for (const waiter of pool.waiting) {
      if (waiter.upgrades && !backend.upgrades) continue;
      if (pause.answers > 0 && (waiter.choosy || !pool.keepAlive.mayUse(pause, waiter.repeatable))) continue;
      waiter.give(backend);
      return;
    }
    if (pool.keepAlive.mayUse(pause, repeatable) || this.#mayWatch(pool)) {
      this.#makeRoom(pool, nowMs);
      pool.parked.push(backend);
      backend.keep();
      this.#sweepLater();
    } else this.#leave(backend);
  }

  /** For one more that is kept: where the profile limits them, those that have rested longest go. */
  #makeRoom(pool: Pool, nowMs: number): void {
    const limits = this.#idleLimitsOf?.(pool.profile);
    if (limits === undefined) return;
    const { idle, idlePerTarget } = limits;
    while (idlePerTarget > 0 && pool.parked.length >= idlePerTarget) this.#leaveOldest(pool);
    if (idle === 0) return;
    const pools = Array.from(this.#pools.values()).filter(({ profile, parked }) => profile === pool.profile && parked.length > 0);
    const restMs = ({ parked }: Pool): number => parked[0]?.pause(nowMs).idleMs ?? 0;
    let kept = 0;
    for (const { parked } of pools) kept += parked.length;
    for (; kept >= idle; kept--) {
      const oldest = pools.reduce((one, other) => (restMs(other) > restMs(one) ? other : one));
      this.#leaveOldest(oldest);
    }
  }

  #leaveOldest({ parked }: Pool): void {
    const oldest = parked.shift();
    if (oldest) this.#leave(oldest);
  }

  /** Whether there is room for one more that is only kept to see what becomes of it. One that has shown it makes room. */
  #mayWatch({ parked, keepAlive }: Pool): boolean {
    const [oldest] = parked;
    if (!oldest || parked.length < proxyLimits.watchedBackends) return true;
    const pause = oldest.pause(this.#clock.now());
    if (pause.idleMs <= proxyLimits.lateEndMs) return false;
    keepAlive.stillOpen(pause);
    parked.shift();
    this.#leave(oldest);
    return true;
  }

  #leave(backend: Backend): void {
    this.#leaving.add(backend);
    backend.leave();
    this.#sweepLater();
  }

  #sweepLater(): void {
    if (this.#sweeping) return;
    this.#sweeping = true;
    this.#clock.after(proxyLimits.parkedLinkMs / 2, () => {
      this.#sweeping = false;
      this.#sweep();
    });
  }

  #sweep(): void {
    const nowMs = this.#clock.now();
    for (const [key, pool] of this.#pools) {
      for (const backend of pool.parked.filter((one) => !one.isGood(nowMs))) backend.conn.abort();
      const isUnused = pool.parked.length === 0 && pool.waiting.size === 0 && pool.opening === 0;
      if (isUnused && nowMs - pool.lastUsedMs >= proxyLimits.keepAliveKnownMs) this.#pools.delete(key);
    }
    for (const backend of [...this.#leaving]) {
      if (backend.pause(nowMs).idleMs < proxyLimits.backendLeaveMs) continue;
      this.#leaving.delete(backend);
      backend.conn.abort();
    }
    if (this.#pools.size + this.#leaving.size > 0) this.#sweepLater();
  }
}

/** Takes the most recently parked connection that will do; those that are of no use any more are closed. */
function takeParked({ parked, keepAlive }: Pool, { repeatable, upgrades }: BackendRequest, nowMs: number): Backend | undefined {
  for (let at = parked.length - 1; at >= 0; at--) {
    const backend = parked[at] as Backend;
    if (!backend.isGood(nowMs)) {
      parked.splice(at, 1);
      backend.conn.abort();
    } else if (keepAlive.mayUse(backend.pause(nowMs), repeatable) && !(upgrades === true && !backend.upgrades)) {
      parked.splice(at, 1);
      return backend;
    }
  }
  return undefined;
}

function poolKey(request: BackendRequest): string {
  const key = `${targetKey(request.target)}${request.protocol === undefined ? "" : ` ${request.protocol}`}`;
  // TLS connections are bound to the name that was sent as SNI.
  return request.scheme === "http" ? key : `${key}\u0000${request.host.toLowerCase()}\u0000${backendTlsKey(request.tls)}`;
}

/** Tries again where a session is lost during a TLS handshake. */
export async function whileSessionsLast<T>(dial: () => Promise<T>): Promise<T> {
  for (let tries = 1; ; tries++) {
    try {
      return await dial();
    } catch (error) {
      if (tries >= proxyLimits.handshakeTries || !isLostInHandshake(error)) throw error;
    }
  }
}

function isLostInHandshake(error: unknown): boolean {
  return (
    error instanceof KtError && error.code === "backend-tls" && error.cause instanceof KtError && error.cause.code === "connection-lost"
  );
}
