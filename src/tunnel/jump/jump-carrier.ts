/** Opens connections to an address by a process that runs in the pod that was chosen. */

import type { Clock } from "#base/clock.ts";
import type { Log } from "#base/log.ts";
import type { Cluster, Endpoint } from "#kube/objects/types.ts";
import type { AddressTarget } from "#route/target.ts";
import type { Carrier } from "#tunnel/pipe/carrier.ts";
import type { Slot } from "#tunnel/pipe/slot.ts";
import { JumpPool } from "./pool.ts";
import type { JumpReaper } from "./reaper.ts";
import type { JumpTools } from "./tools.ts";

export interface JumpCarrierOptions {
  readonly target: AddressTarget;
  readonly cluster: Cluster;
  readonly namespace: string;
  readonly tools: JumpTools;
  readonly reaper: JumpReaper;
  readonly clock: Clock;
  readonly log: Log;
}

/** To an address that the pods reach. */
export class JumpCarrier implements Carrier {
  readonly #options: JumpCarrierOptions;
  readonly #pools = new Map<string, JumpPool>();
  /** Pods whose tools are remembered: new pods may get the same names. */
  readonly #known = new Set<string>();

  constructor(options: JumpCarrierOptions) {
    this.#options = options;
  }

  async reserve({ pod, port }: Endpoint): Promise<Slot> {
    const pool = this.#pool(pod);
    this.#known.add(pod);
    const process = await pool.acquire();
    return { pod, port, open: (listener) => process.open(listener), drop: () => pool.release(process) };
  }

  openOn(pod: string): number {
    return this.#pools.get(pod)?.inUse ?? 0;
  }

  sessionsOn(pod: string): number {
    return this.#pools.get(pod)?.count ?? 0;
  }

  retire(pod: string): void {
    this.#pools.get(pod)?.retire();
    this.#forget(pod);
  }

  tick(nowMs: number): void {
    for (const [pod, pool] of this.#pools) {
      pool.tick(nowMs);
      if (pool.isUnused) this.#pools.delete(pod);
    }
  }

  ping(): void {
    for (const pool of this.#pools.values()) pool.ping();
  }

  close(): void {
    for (const pool of this.#pools.values()) pool.close();
    this.#pools.clear();
    for (const pod of this.#known) this.#forget(pod);
  }

  #forget(pod: string): void {
    const { target, cluster, namespace, tools } = this.#options;
    tools.forget({ cluster, namespace, pod }, target.via);
    this.#known.delete(pod);
  }

  #pool(pod: string): JumpPool {
    let pool = this.#pools.get(pod);
    if (!pool) {
      const { target, cluster, namespace, tools, reaper, clock, log } = this.#options;
      const { via } = target;
      pool = new JumpPool({ place: { cluster, namespace, pod }, via, address: target, tools, reaper, clock, log });
      this.#pools.set(pod, pool);
    }
    return pool;
  }
}
