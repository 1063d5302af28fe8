/** The sessions of all public UDP ports: begun by a client's datagram, kept at one uplink while that is healthy, ended when idle. */

import type { Clock } from "#base/clock.ts";
import type { DatagramSocket } from "#net/datagram-socket.ts";
import { encodeProxyV2 } from "#wire/proxy-header.ts";
import { encodeSessionHead, maxPayloadBytes } from "#wire/uplink-frame.ts";
import { Deadlines } from "./deadlines.ts";
import { randomId } from "./random-id.ts";
import { SessionLimits } from "./session-limits.ts";
import type { UdpCounters } from "./udp-counters.ts";
import { type SessionPort, type UdpClient, UdpSession, type UdpUplink } from "./udp-session.ts";
import type { UplinkSocket, UplinkSocketHandler } from "./uplink-socket.ts";

/** The uplinks of an edge as far as datagrams need them. */
export interface UdpUplinks {
  readonly all: readonly UdpUplink[];
  /** Those to which a new session of this target may go, another one first each time. */
  inTurn(target: string): readonly UdpUplink[];
  /** Called after every change of what is served, by whom, and of an uplink's health. Returns what ends that. */
  listen(listener: () => void): () => void;
}

export interface SessionsOptions {
  readonly clock: Clock;
  readonly uplinks: UdpUplinks;
  readonly socket: UplinkSocket;
  readonly counters: UdpCounters;
}

/** Where a client's datagram came in. */
export interface Arrival {
  readonly port: SessionPort;
  readonly socket: DatagramSocket;
  /** The address that the client sent to, as far as it is known. */
  readonly destination: UdpClient;
}

export class UdpSessions implements UplinkSocketHandler {
  readonly #options: SessionsOptions;
  readonly #limits: SessionLimits;
  readonly #deadlines: Deadlines<UdpSession>;
  readonly #byId = new Map<number, UdpSession>();
  readonly #byUplink = new Map<UdpUplink, Set<UdpSession>>();
  readonly #stopListening: () => void;

  constructor(options: SessionsOptions) {
    this.#options = options;
    this.#limits = new SessionLimits(options.clock);
    this.#deadlines = new Deadlines(options.clock, (session) => this.#expired(session));
    this.#stopListening = options.uplinks.listen(() => this.#leaveUnhealthy());
  }

  get open(): number {
    return this.#byId.size;
  }

  /** Those that nothing has come back for. */
  get unanswered(): number {
    return this.#limits.unanswered;
  }

  all(): IterableIterator<UdpSession> {
    return this.#byId.values();
  }

  byId(id: number): UdpSession | undefined {
    return this.#byId.get(id);
  }

  /** Undefined where the client may not have one. */
  begin({ port, socket }: Arrival, client: UdpClient, clients: ReadonlySet<UdpSession>): UdpSession | undefined {
    const { counters, clock } = this.#options;
    const settings = port.binding;
    const refusal = settings ? this.#limits.refusal(client.host) : "closed";
    if (!settings || refusal) {
      counters.refused[refusal ?? "closed"] += 1;
      return undefined;
    }
    const inTheWay = this.#limits.inTheWay(client.host, {
      open: this.open,
      ofPort: clients.size,
      clients,
      next: () => this.#deadlines.next(),
    });
    if (inTheWay) {
      counters.evicted += 1;
      this.#end(inTheWay, true);
    }
    const session = new UdpSession({ id: this.#newId(), client, port, socket, settings, usedMs: clock.now() });
    counters.opened += 1;
    this.#add(session, true);
    return session;
  }

  /** A session that another instance of the edge has begun. */
  adopt(session: UdpSession): void {
    this.#add(session, false);
    if (session.uplink) this.#lead(session, session.uplink);
  }

  /** From its client. */
  sendOn(session: UdpSession, payload: Uint8Array, arrival: Arrival): void {
    const { counters, clock, socket } = this.#options;
    session.usedMs = clock.now();
    session.socket = arrival.socket;
    if (!session.uplink && !this.#findUplink(session)) {
      counters.refused.noUplink += 1;
      return;
    }
    let whole = payload;
    if (!session.hasBegun && session.settings.proxyHeader === 2) {
      whole = Buffer.concat([encodeProxyV2({ source: session.client, destination: arrival.destination }, "datagram"), payload]);
      if (whole.length > maxPayloadBytes) {
        counters.refused.tooLong += 1;
        return;
      }
    }
    session.hasBegun = true;
    socket.send(session, whole);
  }

  /** From its uplink. */
  answer(session: UdpSession, payload: Uint8Array): void {
    const { counters, clock } = this.#options;
    session.usedMs = clock.now();
    if (!session.isAnswered) this.#limits.answered(session);
    counters.sentDatagrams += 1;
    counters.sentBytes += payload.length;
    session.socket.send(payload, session.client.port, session.client.host);
  }

  /** Its uplink ended it: the client's next datagram begins another one. */
  endedByUplink(session: UdpSession): void {
    this.#options.counters.ended += 1;
    this.#end(session, false);
  }

  /** Its uplink reported that nothing listens at the target. */
  refused(): void {
    this.#options.counters.targetRefused += 1;
  }

  /** A datagram to the edge's address in the tunnel that is not of a session's own uplink. */
  stray(): void {
    this.#options.counters.strayDatagrams += 1;
  }

  /** Ends all of a port. */
  endAll(sessions: Iterable<UdpSession>): void {
    for (const session of [...sessions]) this.#end(session, true);
  }

  /** Forgets all; uplinks are not informed. */
  close(): void {
    this.#stopListening();
    this.#deadlines.close();
    this.#byId.clear();
    this.#byUplink.clear();
  }

  #add(session: UdpSession, isNew: boolean): void {
    this.#byId.set(session.id, session);
    this.#limits.began(session, isNew);
    this.#deadlines.add(session);
  }

  #newId(): number {
    for (;;) {
      const id = randomId();
      if (!this.#byId.has(id)) return id;
    }
  }

  #expired(session: UdpSession): void {
    this.#options.counters.expired += 1;
    this.#end(session, true);
  }

  #end(session: UdpSession, informUplink: boolean): void {
    if (!this.#byId.delete(session.id)) return;
    this.#deadlines.remove(session);
    this.#limits.ended(session);
    if (session.uplink) {
      if (informUplink) this.#options.socket.end(session.id, session.uplink);
      this.#leave(session, session.uplink);
    }
    session.port.forget(session);
  }

  /** Where no uplink serves its target any more, what its binding leads to now is better than nothing. */
  #findUplink(session: UdpSession): boolean {
    const { uplinks, counters } = this.#options;
    const { binding } = session.port;
    const [uplink] = uplinks.inTurn(session.settings.target);
    if (uplink) {
      this.#lead(session, uplink);
    } else {
      const [other] = binding ? uplinks.inTurn(binding.target) : [];
      if (!binding || !other) return false;
      session.settings = { ...binding, sessionTimeoutMs: session.settings.sessionTimeoutMs };
      this.#lead(session, other);
    }
    if (session.hasBegun) counters.moved += 1;
    // Its target sees another client from now on.
    session.hasBegun = false;
    return true;
  }

  #lead(session: UdpSession, uplink: UdpUplink): void {
    const { settings, id } = session;
    session.uplink = uplink;
    session.head = encodeSessionHead({ session: id, target: settings.target, timeoutMs: settings.sessionTimeoutMs });
    const there = this.#byUplink.get(uplink);
    if (there) there.add(session);
    else this.#byUplink.set(uplink, new Set([session]));
  }

  #leave(session: UdpSession, uplink: UdpUplink): void {
    session.uplink = undefined;
    const there = this.#byUplink.get(uplink);
    there?.delete(session);
    if (there?.size === 0) this.#byUplink.delete(uplink);
  }

  /** An uplink that went takes the target's side of its sessions with it; each finds another one with its client's next datagram. */
  #leaveUnhealthy(): void {
    for (const [uplink, sessions] of this.#byUplink) {
      if (uplink.isHealthy) continue;
      for (const session of [...sessions]) {
        this.#options.socket.end(session.id, uplink);
        this.#leave(session, uplink);
      }
    }
  }
}
