/** Who may begin a session at the public ports of UDP, and whose session makes room. A sender's address is nothing that a client proves. */

import type { Clock } from "#base/clock.ts";
import { second } from "#base/units.ts";
import { edgeLimits } from "#edge/limits.ts";
import { sourceOf } from "#edge/doors/source-of.ts";
import type { UdpRefusal } from "./udp-counters.ts";
import type { UdpSession } from "./udp-session.ts";

interface Source {
  /** In the order in which they began. */
  readonly sessions: Set<UdpSession>;
  begunInSecond: number;
  second: number;
}

/** What there is already. */
export interface Occupancy {
  readonly open: number;
  readonly ofPort: number;
  /** Of the port, in the order in which they began. */
  readonly clients: Iterable<UdpSession>;
  /** That which would end next anyway. */
  readonly next: () => UdpSession | undefined;
}

export class SessionLimits {
  readonly #clock: Clock;
  readonly #sources = new Map<string, Source>();
  /** Those that nothing has come back for, oldest first: a flood of invented senders only fills this. */
  readonly #unanswered = new Set<UdpSession>();
  #second = 0;
  #begunInSecond = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  get unanswered(): number {
    return this.#unanswered.size;
  }

  /** Whether a client may begin a session now; counts it if so. */
  refusal(host: string): UdpRefusal | undefined {
    const now = Math.floor(this.#clock.now() / second);
    if (now !== this.#second) {
      this.#second = now;
      this.#begunInSecond = 0;
    }
    const source = this.#sources.get(sourceOf(host));
    const begunBySource = source?.second === now ? source.begunInSecond : 0;
    if (this.#begunInSecond >= edgeLimits.newUdpSessions || begunBySource >= edgeLimits.newUdpSessionsPerSource) return "rate";
    this.#begunInSecond += 1;
    return undefined;
  }

  /** Whose session ends so that this client's may begin; undefined where there is room. */
  inTheWay(host: string, { open, ofPort, clients, next }: Occupancy): UdpSession | undefined {
    const own = this.#sources.get(sourceOf(host))?.sessions;
    if (own && own.size >= edgeLimits.udpSessionsPerSource) return longestIdle(own);
    if (ofPort >= edgeLimits.udpSessionsPerBinding) return longestIdle(clients);
    if (this.#unanswered.size >= edgeLimits.unansweredUdpSessions) return first(this.#unanswered);
    if (open >= edgeLimits.udpSessions) return first(this.#unanswered) ?? next();
    return undefined;
  }

  /** `isNew`: not taken over from another instance. */
  began(session: UdpSession, isNew = true): void {
    const key = sourceOf(session.client.host);
    let source = this.#sources.get(key);
    if (!source) {
      source = { sessions: new Set(), begunInSecond: 0, second: 0 };
      this.#sources.set(key, source);
    }
    const now = Math.floor(this.#clock.now() / second);
    if (source.second !== now) source.begunInSecond = 0;
    source.second = now;
    if (isNew) source.begunInSecond += 1;
    source.sessions.add(session);
    if (!session.isAnswered) this.#unanswered.add(session);
  }

  answered(session: UdpSession): void {
    session.isAnswered = true;
    this.#unanswered.delete(session);
  }

  ended(session: UdpSession): void {
    this.#unanswered.delete(session);
    const key = sourceOf(session.client.host);
    const source = this.#sources.get(key);
    source?.sessions.delete(session);
    if (source?.sessions.size === 0) this.#sources.delete(key);
  }
}

function first(sessions: ReadonlySet<UdpSession>): UdpSession | undefined {
  return sessions.values().next().value;
}

/** Of the oldest few: to look through all of them for each new one would be slow where it must be quick. */
function longestIdle(sessions: Iterable<UdpSession>): UdpSession | undefined {
  let found: UdpSession | undefined;
  let looked = 0;
  for (const session of sessions) {
    if (!found || session.usedMs < found.usedMs) found = session;
    looked += 1;
    if (looked === 16) break;
  }
  return found;
}
