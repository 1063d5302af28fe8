/** One connection of a client at a public port: from its target's uplink to its end. */

import type { Clock } from "#base/clock.ts";
import type { Conn } from "#base/conn.ts";
import { type KtError, toKtError } from "#base/errors.ts";
import type { Log } from "#base/log.ts";
import { edgeLimits } from "#edge/limits.ts";
import { openTarget } from "#edge/uplinks/open-target.ts";
import type { UplinkSet } from "#edge/uplinks/uplink-set.ts";
import type { TcpEdgeBinding } from "#expose/host/edge-document.ts";
import { splice, type SpliceCount } from "#net/splice.ts";
import type { SocketEnds } from "#net/tcp.ts";
import { encodeProxyV1, encodeProxyV2 } from "#wire/proxy-header.ts";

export interface FlowOptions {
  readonly uplinks: UplinkSet;
  readonly clock: Clock;
  readonly log: Log;
  /** Called once, when both sides are over. */
  readonly onOver: () => void;
}

export class Flow implements SpliceCount {
  readonly #client: Conn;
  readonly #binding: TcpEdgeBinding;
  readonly #options: FlowOptions;
  #target: Conn | undefined;
  /** When a byte passed last, either way. */
  #usedMs = 0;
  #cancelIdle = (): void => {};
  #isAborted = false;

  /** Owns the Conn. The binding is as it was when the client came: an edit is for those that come later. */
  constructor(client: Conn, ends: () => SocketEnds | undefined, binding: TcpEdgeBinding, options: FlowOptions) {
    this.#client = client;
    this.#binding = binding;
    this.#options = options;
    void this.#open(ends);
  }

  /** Called for every piece of data: one assignment, and no timer. */
  add(): void {
    this.#usedMs = this.#options.clock.now();
  }

  abort(): void {
    this.#isAborted = true;
    this.#client.abort();
    this.#target?.abort();
  }

  async #open(ends: () => SocketEnds | undefined): Promise<void> {
    const { target: key, connectTimeoutMs } = this.#binding;
    try {
      const target = await openTarget(this.#options.uplinks, { key, connectTimeoutMs });
      this.#target = target;
      if (this.#isAborted || !this.#introduce(target, ends)) target.abort();
      this.#join(target);
    } catch (error) {
      this.#refuse(toKtError(error, "internal", "open the target"));
    }
  }

  /** False for a client that has left. */
  #introduce(target: Conn, ends: () => SocketEnds | undefined): boolean {
    const { proxyHeader } = this.#binding;
    if (proxyHeader === 0) return true;
    const seen = ends();
    if (!seen) return false;
    const proxied = { source: seen.remote, destination: seen.local };
    target.write(proxyHeader === 1 ? encodeProxyV1(proxied) : encodeProxyV2(proxied, "stream"));
    return true;
  }

  #join(target: Conn): void {
    this.add();
    this.#lookAfter(this.#binding.idleTimeoutMs);
    splice(this.#client, target, this, () => {
      this.#cancelIdle();
      this.#options.onOver();
    });
  }

  #refuse(error: KtError): void {
    this.#options.log("debug", "connection-refused", { binding: this.#binding.id, text: error.message });
    this.#client.abort();
    this.#options.onOver();
  }

  /** The timer is set anew only when it has run out: then for what is left since the last byte. */
  #lookAfter(delayMs: number): void {
    const { idleTimeoutMs } = this.#binding;
    if (idleTimeoutMs === 0) return;
    this.#cancelIdle = this.#options.clock.after(delayMs, () => {
      const leftMs = this.#usedMs + idleTimeoutMs - this.#options.clock.now();
      if (leftMs > 0) this.#lookAfter(leftMs);
      else this.#sayFarewell();
    });
  }

  #sayFarewell(): void {
    this.#client.end();
    this.#target?.end();
    this.#cancelIdle = this.#options.clock.after(edgeLimits.idleFarewellMs, () => this.abort());
  }
}
