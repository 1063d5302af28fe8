/** kt in a pod of the cluster: it connects itself to what a relay would connect to for a kt outside. */

import type { Following, PodNetwork, Resolution } from "#kube/objects/types.ts";
import type { RelayedStream, RelayedAddress, RelayWay } from "./relay-way.ts";

export class OwnRelay implements RelayWay {
  readonly title = "kt";
  readonly isReady = true;
  readonly sessions = 0;
  readonly #network: PodNetwork;
  readonly #connectMs: number;

  /** `connectMs`: how long a connection may take to be made. */
  constructor(network: PodNetwork, connectMs: number) {
    this.#network = network;
    this.#connectMs = connectMs;
  }

  openStream({ host, port }: RelayedAddress): RelayedStream {
    return this.#network.connect({ host, port }, this.#connectMs);
  }

  /** It is there as long as kt is. */
  follow(): Following {
    const here: Resolution = { kind: "ready", endpoints: [{ pod: this.#network.pod, port: 0 }] };
    return { current: () => here, refresh() {}, close() {} };
  }
}
