/** The relay in the cluster: serves the sessions of any number of users, and ends when none of them has been heard for a while. */

import { type Clock, sleep } from "#base/clock.ts";
import type { Conn } from "#base/conn.ts";
import { KtError } from "#base/errors.ts";
import type { Log } from "#base/log.ts";
import { type FlushMoment, RelaySession } from "#mux/relay-session.ts";
import type { RelayStream } from "#mux/relay-stream.ts";
import { serveChannel } from "./serve-channel.ts";
import { relayLimits } from "./limits.ts";

export interface RelayServerOptions {
  /** For the hello. */
  readonly id: string;
  /** How long it goes on without a sign of life of any user. */
  readonly ttlMs: number;
  readonly clock: Clock;
  readonly log: Log;
  /** It is not used any more. Called once. */
  readonly onUnused: (why: string) => void;
}

interface Peer {
  readonly session: RelaySession;
  /** The user's, once it has said so. */
  id: string | undefined;
  heardMs: number;
}

/** A client waits for what opens a connection to it, and for the end of an answer, but for neither of these. */
const isLate = (moment: FlushMoment): boolean => moment === "opened" || moment === "last-end";

export class RelayServer {
  readonly #options: RelayServerOptions;
  readonly #peers = new Set<Peer>();
  /** Users who have not said goodbye, and when they were last heard. */
  readonly #users = new Map<string, number>();
  /** When a user was last heard. */
  #usedMs: number;
  #ended = false;

  constructor(options: RelayServerOptions) {
    this.#options = options;
    this.#usedMs = options.clock.now();
    this.#tickLater();
  }

  /** Owns the Conn. */
  accept(conn: Conn): void {
    if (this.#ended || this.#peers.size >= relayLimits.sessions) conn.abort();
    else this.#serve(conn);
  }

  /** The other way: over the session with the fewest streams of a user who has said who it is. Undefined where there is none. */
  openToUser(port: number, caller: string): RelayStream | undefined {
    if (this.#ended) return undefined;
    const able = [...this.#peers].filter(({ session, id }) => id !== undefined && session.canOpen);
    const [best] = able.toSorted((one, other) => one.session.openStreams - other.session.openStreams);
    return best?.session.openStream(caller, port);
  }

  /** Takes no more connections, and ends once those that are open have, or at the latest after `relayLimits.drainMs`. */
  async drain(): Promise<void> {
    const { clock } = this.#options;
    const untilMs = clock.now() + relayLimits.drainMs;
    this.#ended = true;
    for (const { session } of this.#peers) session.goAway();
    while (clock.now() < untilMs && [...this.#peers].some(({ session }) => session.openStreams > 0))
      await sleep(clock, relayLimits.drainLookMs);
    this.close();
  }

  /** Ends every session. */
  close(): void {
    this.#ended = true;
    for (const { session } of [...this.#peers]) session.leave();
  }

  #serve(conn: Conn): void {
    const { clock, log, id } = this.#options;
    const session = new RelaySession({
      conn,
      role: "relay",
      id,
      later: (moment, flush) => void (isLate(moment) ? clock.after(relayLimits.lateFrameMs, flush) : setImmediate(flush)),
      handler: {
        onHello: (user) => {
          peer.id = user;
          this.#heard(peer);
          log("info", "session", { user, sessions: this.#peers.size });
        },
        onOpen: (channel, to) => serveChannel(channel, to, clock),
        onHeard: () => this.#heard(peer),
        onPong: () => {},
        onGoAway: () => this.#left(peer),
        onClose: (error) => {
          this.#peers.delete(peer);
          log("info", "session-closed", { user: peer.id ?? "", reason: error.message });
        },
      },
    });
    const peer: Peer = { session, id: undefined, heardMs: clock.now() };
    this.#peers.add(peer);
  }

  #heard(peer: Peer | undefined): void {
    if (!peer) return;
    peer.heardMs = this.#options.clock.now();
    if (peer.id === undefined) return;
    this.#usedMs = peer.heardMs;
    this.#users.set(peer.id, peer.heardMs);
  }

  /** A user said goodbye on one session: all of that user's are over. */
  #left({ id }: Peer): void {
    if (id === undefined) return;
    for (const peer of [...this.#peers]) if (peer.id === id) peer.session.close(new KtError("connection-lost", "its user has left"));
    this.#users.delete(id);
    if (this.#users.size === 0) this.#end("its last user has left");
  }

  #tickLater(): void {
    this.#options.clock.after(relayLimits.tickMs, () => {
      if (this.#ended) return;
      this.#tick(this.#options.clock.now());
      this.#tickLater();
    });
  }

  #tick(nowMs: number): void {
    const { ttlMs } = this.#options;
    for (const { session, id, heardMs } of [...this.#peers]) {
      if (nowMs - heardMs >= (id === undefined ? relayLimits.helloMs : ttlMs))
        session.close(new KtError("connection-lost", "nothing was heard of its user"));
    }
    for (const [id, heardMs] of this.#users) if (nowMs - heardMs >= ttlMs) this.#users.delete(id);
    if (this.#users.size === 0 && nowMs - this.#usedMs >= ttlMs) this.#end("no user was heard");
  }

  #end(why: string): void {
    if (this.#ended) return;
    this.close();
    this.#options.onUnused(why);
  }
}
