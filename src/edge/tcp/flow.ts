/** A client and its target, joined: says to the target where the client is, and ends both when nothing passes any more. */

import type { Clock } from "#base/clock.ts";
import type { Conn } from "#base/conn.ts";
import { edgeLimits } from "#edge/limits.ts";
import type { TcpEdgeBinding } from "#expose/host/edge-document.ts";
import { splice, type SpliceCount } from "#net/splice.ts";
import type { SocketEnds } from "#net/tcp.ts";
import { encodeProxyV1, encodeProxyV2 } from "#wire/proxy-header.ts";
import type { TcpCounters } from "./tcp-counters.ts";

export interface FlowOptions {
  readonly client: Conn;
  readonly ends: () => SocketEnds | undefined;
  readonly target: Conn;
  /** As it was when the client came: an edit is for those that come later. */
  readonly binding: TcpEdgeBinding;
  readonly counters: TcpCounters;
  readonly clock: Clock;
  /** Called once, when both sides are over. */
  readonly onOver: () => void;
}

export class Flow implements SpliceCount {
  readonly #options: FlowOptions;
  /** When a byte passed last, either way. */
  #usedMs: number;
  #cancelIdle = (): void => {};

  /** Owns both Conns. */
  constructor(options: FlowOptions) {
    const { client, target, clock, counters, binding, onOver } = options;
    this.#options = options;
    this.#usedMs = clock.now();
    counters.open += 1;
    this.#lookAfter(binding.idleTimeoutMs);
    if (!this.#introduce()) target.abort();
    splice(client, target, this, () => {
      this.#cancelIdle();
      counters.open -= 1;
      onOver();
    });
  }

  /** Called for every piece of data: two assignments, and no timer. */
  add(direction: "sent" | "received", bytes: number): void {
    const { counters, clock } = this.#options;
    this.#usedMs = clock.now();
    if (direction === "sent") counters.sentBytes += bytes;
    else counters.receivedBytes += bytes;
  }

  abort(): void {
    this.#options.client.abort();
    this.#options.target.abort();
  }

  /** False for a client that has left. */
  #introduce(): boolean {
    const { binding, ends, target } = this.#options;
    if (binding.proxyHeader === 0) return true;
    const seen = ends();
    if (!seen) return false;
    const proxied = { source: seen.remote, destination: seen.local };
    target.write(binding.proxyHeader === 1 ? encodeProxyV1(proxied) : encodeProxyV2(proxied, "stream"));
    return true;
  }

  /** The timer is set anew only when it has run out: then for what is left since the last byte. */
  #lookAfter(delayMs: number): void {
    const { binding, clock } = this.#options;
    if (binding.idleTimeoutMs === 0) return;
    this.#cancelIdle = clock.after(delayMs, () => {
      const leftMs = this.#usedMs + binding.idleTimeoutMs - clock.now();
      if (leftMs > 0) this.#lookAfter(leftMs);
      else this.#sayFarewell();
    });
  }

  #sayFarewell(): void {
    const { client, target, clock, counters } = this.#options;
    counters.idle += 1;
    client.end();
    target.end();
    this.#cancelIdle = clock.after(edgeLimits.idleFarewellMs, () => this.abort());
  }
}
