/** Completes the handshake of a TLS client that cannot be served, with a certificate made for its name, so that it reads why. */

import type { Clock } from "#base/clock.ts";
import type { Conn } from "#base/conn.ts";
import { normaliseHostname } from "#base/hostname.ts";
import { proxyLimits } from "#proxy/limits.ts";
import { selfSigned } from "#tls/self-signed.ts";
import { serverIdentity, type ServerIdentity, type TlsSession, tlsServer } from "#net/tls.ts";

/** What kt speaks inside TLS, in the order of preference (RFC 7301). */
export const webProtocols = ["h2", "http/1.1"] as const;

/** Certificates that are remembered: making one takes about 2 ms, and browsers ask again and again. */
const rememberedNames = 256;

/** For how long a certificate is used; it is valid for a day. */
const useMs = 12 * 3600 * 1000;

export class SelfSignedServer {
  readonly #clock: Clock;
  readonly #byName = new Map<string, { readonly identity: ServerIdentity; readonly madeMs: number }>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Speaks TLS to a client whose hello asked for `serverName`; owns the Conn. Rejects when the client does not go along. */
  async accept(conn: Conn, serverName: string | undefined): Promise<TlsSession> {
    const identity = this.#identity(normaliseHostname(serverName ?? "") ?? "unknown.localhost");
    const cancelTimeout = this.#clock.after(proxyLimits.peekTimeoutMs, () => conn.abort());
    try {
      return await tlsServer(conn, identity, webProtocols);
    } finally {
      cancelTimeout();
    }
  }

  #identity(name: string): ServerIdentity {
    const nowMs = this.#clock.wallMs();
    const known = this.#byName.get(name);
    if (known && Math.abs(nowMs - known.madeMs) < useMs) return known.identity;
    if (this.#byName.size >= rememberedNames) this.#byName.clear();
    const identity = serverIdentity(selfSigned(name, nowMs));
    this.#byName.set(name, { identity, madeMs: nowMs });
    return identity;
  }
}
