/** Leads the cluster to the edge's statistics, which only its uplinks reach. */

import type { Clock } from "#base/clock.ts";
import type { Conn } from "#base/conn.ts";
import { splice } from "#net/splice.ts";
import { uplinkLimits } from "#uplink/limits.ts";

const uncounted = { add() {} };

export interface BridgeOptions {
  /** A connection to them; rejects, or resolves with undefined, where there is none. */
  readonly connect: () => Promise<Conn | undefined>;
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
    if (this.#open < uplinkLimits.bridgeConnections) void this.#join(conn);
    else conn.abort();
  }

  async #join(conn: Conn): Promise<void> {
    this.#open += 1;
    const edge = await this.#options.connect().catch(() => undefined);
    if (!edge) {
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
