/** What is behind a service: its pods, or the relay where it has none, as an ExternalName or endpoints outside of the cluster. */

import type { Endpoint, Following, Resolution } from "#kube/objects/types.ts";
import type { Carrier } from "#tunnel/pipe/carrier.ts";
import type { Slot } from "#tunnel/pipe/slot.ts";
import { RelayCarrier } from "./relay-carrier.ts";
import type { RelayedAddress } from "./relay-way.ts";
import type { RelayUse } from "./relays.ts";

export interface ServiceOrRelayOptions {
  /** Follows the service's own pods. */
  readonly follow: (onChange: (resolution: Resolution) => void) => Following;
  /** Opens connections to them. */
  readonly carrier: Carrier;
  /** The service's own name and port, as the relay sees it. */
  readonly place: RelayedAddress;
  /** Begins to use the relay; undefined where there can be none. */
  readonly use: () => RelayUse | undefined;
  readonly onChange: (resolution: Resolution) => void;
}

interface Relayed {
  readonly use: RelayUse;
  readonly following: Following;
  readonly carrier: RelayCarrier;
}

export class ServiceOrRelay implements Following, Carrier {
  readonly #options: ServiceOrRelayOptions;
  readonly #pods: Following;
  #relayed: Relayed | undefined;

  constructor(options: ServiceOrRelayOptions) {
    this.#options = options;
    this.#pods = options.follow((resolution) => {
      this.#look(resolution);
      options.onChange(this.current() ?? resolution);
    });
    const known = this.#pods.current();
    if (known) this.#look(known);
  }

  current(): Resolution | undefined {
    return this.#relayed ? this.#relayed.following.current() : this.#pods.current();
  }

  refresh(): void {
    this.#pods.refresh();
    this.#relayed?.following.refresh();
  }

  reserve(endpoint: Endpoint): Promise<Slot> {
    return this.#carrier.reserve(endpoint);
  }

  openOn(pod: string): number {
    return this.#carrier.openOn(pod);
  }

  sessionsOn(pod: string): number {
    return this.#carrier.sessionsOn(pod);
  }

  retire(pod: string): void {
    this.#options.carrier.retire(pod);
  }

  tick(nowMs: number): void {
    this.#options.carrier.tick(nowMs);
  }

  ping(): void {
    this.#options.carrier.ping();
  }

  close(): void {
    this.#pods.close();
    this.#options.carrier.close();
    this.#stopRelaying();
  }

  get #carrier(): Carrier {
    return this.#relayed?.carrier ?? this.#options.carrier;
  }

  #look(resolution: Resolution): void {
    const isOutside = resolution.kind === "none" && resolution.problem.code === "service-external";
    if (isOutside) this.#relayed ??= this.#startRelaying();
    else this.#stopRelaying();
  }

  #startRelaying(): Relayed | undefined {
    const { use: begin, place, onChange } = this.#options;
    const use = begin();
    return use && { use, following: use.relay.follow(onChange), carrier: new RelayCarrier(use.relay, place) };
  }

  #stopRelaying(): void {
    this.#relayed?.following.close();
    this.#relayed?.use.release();
    this.#relayed = undefined;
  }
}
