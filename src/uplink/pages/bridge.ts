/** Leads the cluster to the edge's statistics, which listen on its overlay address alone. */

import type { Clock } from "#base/clock.ts";
import type { Conn } from "#base/conn.ts";
import { splice } from "#net/splice.ts";
import { connectTcp } from "#net/tcp.ts";
import { dialTarget } from "#uplink/targets/dial-target.ts";
import { uplinkLimits } from "#uplink/limits.ts";

const uncounted = { add() {} };

export interface BridgeOptions {
  /** Where the edge answers; undefined before a document says so. */
  readonly edge: () => { readonly address: string; readonly port: number } | undefined;
  readonly clock: Clock;
}

export class Bridge {
  readonly #options: BridgeOptions;
  #open = 0;

  constructor(options: BridgeOptions) {
    this.#options = options;
  }

  /** Owns the Conn. */
  accept(conn: Conn): void {
    const edge = this.#options.edge();
    if (edge && this.#open < uplinkLimits.bridgeConnections) void this.#join(conn, edge);
    else conn.abort();
  }

  async #join(conn: Conn, { address, port }: { readonly address: string; readonly port: number }): Promise<void> {
    this.#open += 1;
    const signal = new AbortController().signal;
    const timeoutMs = uplinkLimits.bridgeConnectMs;
    const edge = await dialTarget({ address, port, timeoutMs, signal, clock: this.#options.clock, connect: connectTcp, onOver() {} });
    if (typeof edge === "string") {
      this.#open -= 1;
      conn.abort();
      return;
    }
    const cancel = this.#options.clock.after(uplinkLimits.bridgeConnectionMs, () => conn.abort());
    splice(conn, edge, uncounted, () => {
      cancel();
      this.#open -= 1;
    });
  }
}
