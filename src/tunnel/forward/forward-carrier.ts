/** Opens connections by forwarding a port of the pod that was chosen. */

import type { Cluster, Endpoint } from "#kube/objects/types.ts";
import type { Carrier } from "#tunnel/pipe/carrier.ts";
import type { Slot } from "#tunnel/pipe/slot.ts";
import type { SessionPools } from "./pools.ts";

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
