/** The sessions to one pod: opened as connections need them, one each until its client has left, with a few spare. */

import type { Clock } from "#base/clock.ts";
import type { Conn } from "#base/conn.ts";
import { KtError } from "#base/errors.ts";
import { muxLimits } from "#mux/limits.ts";
import { tunnelLimits } from "#tunnel/limits.ts";
import { SpareSchedule } from "#tunnel/pipe/spare-schedule.ts";
import { PodSession } from "./pod-session.ts";

export interface SessionsOptions {
  /** Opens an upgraded connection to the pod. */
  readonly open: (signal: AbortSignal) => Promise<Conn>;
  /** Its name. */
  readonly pod: string;
  readonly clock: Clock;
  /** A session died by itself. */
  readonly onLost: (error: KtError) => void;
}

export class PodSessions {
  readonly #options: SessionsOptions;
  readonly #all = new Set<PodSession>();
  /** Free ones, the most recently used last: the front of the list grows old and is retired. */
  #free: PodSession[] = [];
  #opening = 0;
  /** Incremented when the pod is replaced or sessions are lost: what was being opened then leads to the previous pod, or was lost too. */
  #generation = 0;
  #lastUsedMs: number;
  /** When a session was last lost. Others may be lost for the same reason without our knowing yet. */
  #lostMs = Number.NEGATIVE_INFINITY;
  /** The latest attempt to open a session succeeded. */
  #worked = false;
  #closed = false;
  /** Set while connections that come at once are counted. */
  #cancelGather: (() => void) | undefined;
  /** Sessions given to connections at that moment: the rest of the same burst may share them. */
  #justGiven: PodSession[] = [];
  #givenSinceMs = Number.NEGATIVE_INFINITY;
  readonly #spares: SpareSchedule;
  readonly #abort = new AbortController();
  /** Connections that wait for the next session that becomes free or open, oldest first. */
  #waiting: PromiseWithResolvers<PodSession>[] = [];

  constructor(options: SessionsOptions) {
    this.#options = options;
    this.#lastUsedMs = options.clock.now();
    this.#spares = new SpareSchedule(options.clock, () => this.#keepSpare());
  }

  get count(): number {
    return this.#all.size;
  }

  /** Nothing is open, being opened, about to be opened or waited for. */
  get isUnused(): boolean {
    return this.#all.size === 0 && this.#opening === 0 && this.#waiting.length === 0 && !this.#spares.isPending;
  }

  /** Connections whose clients have not left. */
  get busyStreams(): number {
    let sum = 0;
    for (const session of this.#all) sum += session.busyStreams;
    return sum;
  }

  /**
   * A session for one more connection, which must be opened on it at once. Rejects with the KtError of the attempt to open
   * one. A wait that the caller gives up on is not wasted: the session goes to the next one.
   */
  acquire(): PodSession | Promise<PodSession> {
    this.#lastUsedMs = this.#options.clock.now();
    const free = this.#takeFree();
    if (free) {
      this.#spares.soon();
      this.#noteGiven(free);
      return free;
    }
    const full = this.#isFull();
    const shared = full ? this.#leastLoaded() : undefined;
    if (shared) return shared;
    const waiter = Promise.withResolvers<PodSession>();
    this.#waiting.push(waiter);
    if (this.#opening === 0) this.#openForWaiting();
    this.#gather();
    return waiter.promise;
  }

  /** The most recently used one; those that are no longer free are dropped, those in doubt stay for later. */
  #takeFree(): PodSession | undefined {
    for (let at = this.#free.length - 1; at >= 0; at--) {
      const session = this.#free[at] as PodSession;
      if (isFree(session) && !this.#isTrusted(session)) continue;
      this.#free.splice(at, 1);
      if (isFree(session)) return session;
    }
    return undefined;
  }

  /** It takes connections, and was heard since another was lost. */
  #isTrusted(session: PodSession): boolean {
    return session.usable && session.lastHeardMs >= this.#lostMs;
  }

  /** Gives back a session that was acquired and then not used. */
  release(session: PodSession): void {
    if (session.idleSinceMs !== undefined) this.#becameFree(session);
  }

  /** Called about every second. Keeps spares while the pod is in use. */
  tick(nowMs: number): void {
    let lastHeardMs = 0;
    let isOpen = false;
    for (const session of this.#all) {
      lastHeardMs = Math.max(lastHeardMs, session.lastHeardMs);
      isOpen ||= session.openStreams > 0;
    }
    const pathAlive = nowMs - lastHeardMs < muxLimits.pingTimeoutMs;
    for (const session of [...this.#all]) session.tick(nowMs, pathAlive);
    this.#free = this.#free.filter(isFree);
    const inUse = isOpen || nowMs - this.#lastUsedMs < tunnelLimits.sessionIdleMs;
    this.#retireAbove(inUse ? this.#spareWanted() : 0, nowMs);
  }

  #retireAbove(spare: number, nowMs: number): void {
    const old = this.#free.filter(
      ({ openStreams, idleSinceMs = nowMs }) => openStreams === 0 && nowMs - idleSinceMs >= tunnelLimits.sessionIdleMs,
    );
    for (const session of old.slice(0, Math.max(0, this.#free.length - spare))) session.close();
  }

  /** Asks every session for a sign of life now. */
  ping(): void {
    for (const session of this.#all) session.ping();
  }

  /** The pod is gone, and a new one of its name is a different pod: its sessions take no more connections. */
  retire(): void {
    this.#generation += 1;
    for (const session of [...this.#all]) session.retire();
  }

  /** Ends everything. */
  close(): void {
    this.#closed = true;
    this.#spares.cancel();
    this.#cancelGather?.();
    this.#abort.abort(new KtError("shutting-down", "the tunnel was closed"));
    for (const session of [...this.#all]) session.close();
  }

  #leastLoaded(): PodSession | undefined {
    let best: PodSession | undefined;
    for (const session of this.#all) {
      if (!this.#isTrusted(session) || (best && best.stalled < session.stalled)) continue;
      if (!best || best.stalled > session.stalled || session.busyStreams < best.busyStreams) best = session;
    }
    return best;
  }

  /** One for every two in use, for connections come in bunches: a browser opens six at once. */
  #spareWanted(): number {
    const inUse = this.#all.size - this.#free.length;
    return Math.min(tunnelLimits.spareSessionsPerPod, Math.max(1, Math.ceil(inUse / 2)));
  }

  #keepSpare(): void {
    this.#free = this.#free.filter(isFree);
    if (this.#closed || this.#free.length + this.#opening >= this.#spareWanted()) return;
    if (this.#isFull()) return;
    this.#openOne();
    this.#spares.soon();
  }

  /** Sessions that take no more connections do not count: they could not be shared either, and a connection would wait for their end. */
  #isFull(): boolean {
    let usable = this.#opening;
    for (const session of this.#all) if (this.#isTrusted(session)) usable += 1;
    return usable >= tunnelLimits.sessionsPerPod;
  }

  #noteGiven(session: PodSession): void {
    if (this.#lastUsedMs - this.#givenSinceMs > tunnelLimits.burstGatherMs) {
      this.#givenSinceMs = this.#lastUsedMs;
      this.#justGiven = [];
    }
    this.#justGiven.push(session);
  }

  /** Once it is known how many connections come at once, they get their sessions; the number decides whether they share. */
  #gather(): void {
    this.#cancelGather ??= this.#options.clock.after(tunnelLimits.burstGatherMs, () => {
      this.#cancelGather = undefined;
      const given = this.#justGiven.splice(0);
      if (this.#isBurst) this.#shareOver(given);
      this.#openForWaiting();
    });
  }

  /** Of a burst larger than this, connections share sessions: opening one for each would keep all of them waiting. */
  get #isBurst(): boolean {
    return this.#waiting.length > tunnelLimits.burstConnections;
  }

  #openOne(): void {
    this.#opening += 1;
    const generation = this.#generation;
    const startedMs = this.#options.clock.now();
    this.#options.open(this.#abort.signal).then(
      (conn) => this.#opened(conn, generation),
      (error: KtError) => this.#failed(error, generation, startedMs),
    );
  }

  #opened(conn: Conn, generation: number): void {
    this.#opening -= 1;
    if (this.#closed || generation !== this.#generation) {
      conn.abort();
      this.#openForWaiting();
      return;
    }
    this.#worked = true;
    const session = new PodSession({
      conn,
      pod: this.#options.pod,
      clock: this.#options.clock,
      onGone: (gone, error) => this.#gone(gone, error),
      onFree: (free) => this.#becameFree(free),
    });
    this.#all.add(session);
    this.#becameFree(session);
  }

  #becameFree(session: PodSession): void {
    if (!session.usable) {
      session.retire();
      this.#openForWaiting();
      return;
    }
    if (this.#free.includes(session)) return;
    if (this.#waiting.length === 0) {
      this.#free.push(session);
      return;
    }
    const share = this.#isBurst ? Math.ceil(this.#waiting.length / (this.#opening + 1)) : 1;
    for (const waiter of this.#waiting.splice(0, share)) waiter.resolve(session);
    if (this.#waiting.length === 0) this.#spares.soon();
    else if (this.#opening === 0) this.#openForWaiting();
    if (this.#opening === 0) this.#shareOut();
  }

  /** Every session that may be opened is open, and there are more connections than that: they share, evenly. */
  #shareOut(failed = new KtError("connection-lost", "every session to the pod was lost")): void {
    this.#shareOver([...this.#all]);
    for (const waiter of this.#waiting.splice(0)) waiter.reject(failed);
  }

  /** All waiting connections go to those of these sessions that accept more, evenly; if none does, they keep waiting. */
  #shareOver(sessions: readonly PodSession[]): void {
    const usable = sessions.filter((session) => this.#isTrusted(session));
    if (usable.length === 0) return;
    for (const [index, waiter] of this.#waiting.splice(0).entries()) waiter.resolve(usable[index % usable.length] as PodSession);
  }

  #failed(error: KtError, generation: number, startedMs: number): void {
    this.#opening -= 1;
    // An attempt that was lost together with sessions says nothing about the next one, and may be reported before they are.
    const isSurprise = this.#worked && this.#options.clock.now() - startedMs < tunnelLimits.quickFailureMs;
    this.#worked = false;
    if ((generation !== this.#generation || isSurprise) && !this.#closed) {
      this.#openForWaiting();
      return;
    }
    // The other attempts may still succeed, and what they open can be shared.
    if (this.#opening > 0) return;
    this.#shareOut(error);
  }

  #gone(session: PodSession, error: KtError | undefined): void {
    this.#all.delete(session);
    const at = this.#free.indexOf(session);
    if (at >= 0) this.#free.splice(at, 1);
    if (error) this.#doubt();
    // There may be room for another session now.
    this.#openForWaiting();
    if (error) this.#options.onLost(error);
  }

  /** Connections lost with one session ask for another at once, which must not be one that dies a moment later. */
  #doubt(): void {
    const nowMs = this.#options.clock.now();
    // What is being opened now may be lost as well, though its opening is reported first.
    if (nowMs - this.#lostMs > tunnelLimits.lossSpanMs) this.#generation += 1;
    this.#lostMs = nowMs;
    this.ping();
  }

  #openForWaiting(): void {
    const wanted = this.#isBurst ? tunnelLimits.burstSessions : this.#waiting.length;
    while (this.#opening < wanted && !this.#closed && !this.#isFull()) this.#openOne();
  }
}

/** Since it became free more may have come for a client that seemed to have left, or the peer may have gone away. */
function isFree(session: PodSession): boolean {
  return session.usable && session.idleSinceMs !== undefined;
}
