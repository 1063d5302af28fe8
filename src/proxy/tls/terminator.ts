/** Speaks TLS to the clients of names that kt terminates it for: which certificate, for how long, and who may come in. */

import type { Clock } from "#base/clock.ts";
import type { Conn } from "#base/conn.ts";
import { KtError } from "#base/errors.ts";
import { command } from "#base/shell.ts";
import { type ServerIdentity, type ServerSession, serverIdentity, tlsServer } from "#net/tls.ts";
import { proxyLimits } from "#proxy/limits.ts";
import type { Termination } from "#route/route-tls.ts";
import { type Authority, authorityLimits } from "#tls/authority.ts";
import { webProtocols } from "./self-signed.ts";

/** A leaf that is in use. */
interface Leaf {
  readonly identity: ServerIdentity;
  readonly authority: Authority;
  readonly clientCa: string | undefined;
  readonly madeMs: number;
}

export class Terminator {
  readonly #clock: Clock;
  readonly #authority: (() => Authority) | undefined;
  /** By name, the longest unused first. */
  readonly #leaves = new Map<string, Leaf>();
  readonly #ofPairs = new WeakMap<Termination, ServerIdentity>();

  /** `authority`: kt's own at this moment; throws KtError `authority-unusable`. */
  constructor(clock: Clock, authority: (() => Authority) | undefined) {
    this.#clock = clock;
    this.#authority = authority;
  }

  /** For a normalised name that a route serves, or an IP address. Throws KtError `authority-unusable`. */
  identity(name: string, tls: Termination): ServerIdentity {
    return tls.pair === undefined ? this.#leaf(name, tls) : this.#ofPair(tls, tls.pair);
  }

  /** Owns the Conn, whose hello is unread. Rejects when the client does not go along. */
  async accept(conn: Conn, identity: ServerIdentity): Promise<ServerSession> {
    const cancelTimeout = this.#clock.after(proxyLimits.peekTimeoutMs, () => conn.abort());
    try {
      return await tlsServer(conn, identity, webProtocols);
    } finally {
      cancelTimeout();
    }
  }

  #ofPair(tls: Termination, pair: NonNullable<Termination["pair"]>): ServerIdentity {
    let identity = this.#ofPairs.get(tls);
    if (!identity) {
      identity = serverIdentity({ ...pair, clientCa: tls.clientCa });
      this.#ofPairs.set(tls, identity);
    }
    return identity;
  }

  #leaf(name: string, { clientCa }: Termination): ServerIdentity {
    const authority = this.#current();
    const nowMs = this.#clock.wallMs();
    const known = this.#leaves.get(name);
    this.#leaves.delete(name);
    const isGood = known?.authority === authority && known.clientCa === clientCa && isYoung(known, nowMs);
    const leaf = isGood ? known : this.#make(name, authority, clientCa, nowMs);
    if (this.#leaves.size >= proxyLimits.leaves) this.#leaves.delete(this.#leaves.keys().next().value ?? "");
    this.#leaves.set(name, leaf);
    return leaf.identity;
  }

  #current(): Authority {
    if (!this.#authority) throw new KtError("authority-unusable", "this kt has no certificate authority");
    return this.#authority();
  }

  #make(name: string, authority: Authority, clientCa: string | undefined, madeMs: number): Leaf {
    if (!authority.covers(name)) throw outside(name, authority);
    const identity = serverIdentity({ ...authority.issue(name, madeMs), clientCa });
    return { identity, authority, clientCa, madeMs };
  }
}

/** A clock that was set back makes a new one too. */
function isYoung({ madeMs, authority }: Leaf, nowMs: number): boolean {
  const isEarly = nowMs >= madeMs && nowMs - madeMs < authorityLimits.leafMs / 2;
  return isEarly && nowMs < authority.untilMs;
}

function outside(name: string, { texts }: Authority): KtError {
  const domains = texts.domains.map((domain) => `"${domain}"`).join(", ");
  return new KtError("authority-unusable", `"${name}" is not among the names that kt's CA may sign for, those of ${domains}`, {
    hints: [command`kt trust install --domain ${name}`],
  });
}
