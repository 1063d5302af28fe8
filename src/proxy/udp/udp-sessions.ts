/** The clients of one UDP port: each address has a session, with a flow of its own to the target. */

import type { UdpPeer } from "#net/udp.ts";
import type { DoorContext } from "#proxy/door/context.ts";
import { proxyLimits } from "#proxy/limits.ts";
import { type SessionOwner, type UdpRoute, UdpSession } from "./udp-session.ts";

export interface UdpSessionsOptions {
  readonly context: DoorContext;
  readonly route: UdpRoute;
  /** Returns whether there was room. */
  readonly send: (payload: Uint8Array, client: UdpPeer) => boolean;
}

export class UdpSessions implements SessionOwner {
  readonly #options: UdpSessionsOptions;
  readonly #timeoutMs: number;
  /** By client, the least recently used first. */
  readonly #byClient = new Map<string, UdpSession>();
  #waitingBytes = 0;
  #cancelLook: (() => void) | undefined;

  constructor(options: UdpSessionsOptions) {
    this.#options = options;
    this.#timeoutMs = options.route.sessionTimeoutMs ?? proxyLimits.udpSessionMs;
  }

  received(payload: Uint8Array, client: UdpPeer): void {
    const key = `${client.host} ${client.port}`;
    const session = this.#byClient.get(key) ?? this.#begin(key, client);
    session.received(payload);
  }

  close(): void {
    for (const session of [...this.#byClient.values()]) session.close();
    this.#cancelLook?.();
  }

  used(session: UdpSession): void {
    session.usedMs = this.#options.context.clock.now();
    this.#byClient.delete(session.key);
    this.#byClient.set(session.key, session);
  }

  over(session: UdpSession): void {
    if (this.#byClient.get(session.key) === session) this.#byClient.delete(session.key);
  }

  mayWait(bytes: number): boolean {
    return this.#waitingBytes + bytes <= proxyLimits.udpWaitingBytes;
  }

  waits(bytes: number): void {
    this.#waitingBytes += bytes;
  }

  #begin(key: string, client: UdpPeer): UdpSession {
    const [oldest] = this.#byClient.values();
    if (this.#byClient.size >= proxyLimits.udpSessions) oldest?.close();
    const { context, route, send } = this.#options;
    const session = new UdpSession({ key, context, route, owner: this, send: (payload) => send(payload, client) });
    this.used(session);
    session.open();
    this.#cancelLook ??= context.clock.after(this.#timeoutMs, () => this.#look());
    return session;
  }

  /** Ends those that were silent for too long, which are the first, and looks again when the next one may be. */
  #look(): void {
    const nowMs = this.#options.context.clock.now();
    this.#cancelLook = undefined;
    for (const session of this.#byClient.values()) {
      const leftMs = session.usedMs + this.#timeoutMs - nowMs;
      if (leftMs > 0) {
        this.#cancelLook = this.#options.context.clock.after(leftMs, () => this.#look());
        return;
      }
      session.close();
    }
  }
}
