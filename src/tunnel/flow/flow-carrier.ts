/** How flows of UDP reach a pod or an address: each pod's flows, over a relay. Keeps the contract of a Carrier. */

import type { Datagrams } from "#base/datagrams.ts";
import { KtError } from "#base/errors.ts";
import type { Endpoint, Following } from "#kube/objects/types.ts";
import type { RelayedTarget } from "#route/target.ts";
import type { Slot } from "#tunnel/pipe/slot.ts";
import { CarriedFlow } from "./carried-flow.ts";
import { type FlowRelay, noRelay, type RelayPlace } from "./flow-relay.ts";

export class FlowCarrier {
  readonly #relay: FlowRelay;
  readonly #place: RelayPlace;
  /** By pod. */
  readonly #flows = new Map<string, Set<CarriedFlow>>();

  constructor(relay: FlowRelay | undefined, place: RelayPlace) {
    this.#relay = relay ?? noRelay;
    this.#place = place;
  }

  /** Only says whether flows can be opened: nothing of one is there before. */
  async reserve(endpoint: Endpoint): Promise<Slot> {
    await this.#relay.ready(this.#place, new AbortController().signal);
    const open = (): never => {
      throw new KtError("internal", "internal error: a target of UDP has no byte streams");
    };
    return { ...endpoint, open, drop: () => {} };
  }

  /** `onClose` is called once, when the flow is over. Rejects with KtError. */
  async openFlow({ pod, port, address }: Endpoint, signal: AbortSignal, onClose: () => void): Promise<Datagrams> {
    if (address === undefined) throw new KtError("no-ready-pod", `pod "${pod}" has no address yet`);
    const flow = new CarriedFlow(await this.#relay.openFlow(this.#place, { host: address, port }, signal), () => {
      this.#flows.get(pod)?.delete(flow);
      onClose();
    });
    const flows = this.#flows.get(pod) ?? new Set();
    this.#flows.set(pod, flows.add(flow));
    return flow;
  }

  openOn(pod: string): number {
    return this.#flows.get(pod)?.size ?? 0;
  }

  sessionsOn(): number {
    return 0;
  }

  /** The flows to it are lost: a client's next datagram begins one to another pod. */
  retire(pod: string): void {
    const flows = this.#flows.get(pod) ?? [];
    this.#flows.delete(pod);
    for (const flow of [...flows]) flow.lose(new KtError("connection-lost", `pod "${pod}" is gone`));
  }

  tick(): void {}
  ping(): void {}

  close(): void {
    for (const pod of [...this.#flows.keys()]) this.retire(pod);
  }
}

/** An address needs no following: it is always there, as far as kt knows. */
export function fixedEndpoint({ host, port }: RelayedTarget): Following {
  return { current: () => ({ kind: "ready", endpoints: [{ pod: host, port, address: host }] }), refresh() {}, close() {} };
}
