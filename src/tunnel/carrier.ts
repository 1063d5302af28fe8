/** How connections are opened on a pod that was chosen: forwarded to its port, or carried on by a process that runs in it. */

import type { Clock } from "#base/clock.ts";
import type { Log } from "#base/log.ts";
import type { Cluster, Endpoint } from "#kube/objects/types.ts";
import type { AddressTarget } from "#route/target.ts";
import { JumpPool } from "#tunnel/jump/pool.ts";
import type { JumpReaper } from "#tunnel/jump/reaper.ts";
import type { JumpTools } from "#tunnel/jump/tools.ts";
import type { Slot } from "#tunnel/pipe/slot.ts";
import type { SessionPools } from "#tunnel/forward/pools.ts";

export interface Carrier {
  /** Rejects with KtError: another pod may work. */
  reserve(endpoint: Endpoint): Promise<Slot>;
  /** Connections that are open on a pod, for choosing among several. */
  openOn(pod: string): number;
  /** Upgraded connections to a pod. */
  sessionsOn(pod: string): number;
  /** The pod takes no more new connections. */
  retire(pod: string): void;
  /** Called about every second. */
  tick(nowMs: number): void;
  /** Asks for a sign of life now. */
  ping(): void;
  close(): void;
}

/** To the pods' own ports. Its sessions belong to the pools, which every tunnel shares. */
export class ForwardCarrier implements Carrier {
  readonly #pools: SessionPools;
  readonly #cluster: Cluster;
  readonly #namespace: string;

  constructor(pools: SessionPools, cluster: Cluster, namespace: string) {
    this.#pools = pools;
    this.#cluster = cluster;
    this.#namespace = namespace;
  }

  async reserve(endpoint: Endpoint): Promise<Slot> {
    const { pod, port } = endpoint;
    const sessions = this.#pools.of(this.#cluster, this.#namespace, pod);
    const session = await sessions.acquire();
    return { ...endpoint, open: (listener) => session.open(port, listener), drop: () => sessions.release(session) };
  }

  openOn(pod: string): number {
    return this.#pools.find(this.#cluster, this.#namespace, pod)?.busyStreams ?? 0;
  }

  sessionsOn(pod: string): number {
    return this.#pools.find(this.#cluster, this.#namespace, pod)?.count ?? 0;
  }

  retire(pod: string): void {
    this.#pools.find(this.#cluster, this.#namespace, pod)?.retire();
  }

  tick(): void {}
  ping(): void {}
  close(): void {}
}

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
