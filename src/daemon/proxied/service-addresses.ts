/** Which service has an address of the cluster: asked for when a client of the proxy names one, and followed for a while then. */

import { type Clock, sleep } from "#base/clock.ts";
import { isGlob } from "#base/glob.ts";
import { daemonLimits } from "#daemon/limits.ts";
import type { ForwardsState } from "#daemon/plans/opened-forwards.ts";
import type { Service } from "#kube/objects/objects.ts";
import type { Cluster } from "#kube/objects/types.ts";
import type { ReachedCluster } from "./profile-names.ts";

/** A service by its place. */
export interface AddressedService {
  readonly cluster: ReachedCluster;
  readonly namespace: string;
  readonly name: string;
}

export interface ServiceAddressesOptions {
  readonly forwards: (profile: string) => ForwardsState;
  /** Throws KtError. */
  readonly clusterFor: (ref: { readonly profile: string; readonly context: string | undefined }) => Pick<Cluster, "collect">;
  readonly clock: Clock;
}

interface Followed {
  readonly close: () => void;
  /** Resolves when the services are listed, or it is known that they cannot be. */
  readonly listed: Promise<void>;
  services: readonly Service[];
  cancelEnd: () => void;
}

export class ServiceAddresses {
  readonly #options: ServiceAddressesOptions;
  readonly #followed = new Map<string, Followed>();

  constructor(options: ServiceAddressesOptions) {
    this.#options = options;
  }

  /** `clusters` are what the profile reaches. Waits for the lists where they are not there yet. */
  async find(address: string, profile: string, clusters: readonly ReachedCluster[]): Promise<AddressedService | undefined> {
    const known = this.#discovered(address, profile, clusters);
    if (known) return known;
    const places = clusters.flatMap((cluster) =>
      cluster.namespaces.filter((each) => !isGlob(each)).map((namespace) => ({ cluster, namespace })),
    );
    const opened = places.map((place) => ({ ...place, followed: this.#follow(profile, place.cluster, place.namespace) }));
    await this.#listed(opened.map(({ followed }) => followed.listed));
    for (const { cluster, namespace, followed } of opened) {
      const service = followed.services.find(({ addresses }) => addresses?.includes(address));
      if (service) return { cluster, namespace, name: service.name };
    }
    return undefined;
  }

  /** Another kubeconfig may lead elsewhere. */
  clear(): void {
    for (const { close, cancelEnd } of this.#followed.values()) {
      cancelEnd();
      close();
    }
    this.#followed.clear();
  }

  #discovered(address: string, profile: string, clusters: readonly ReachedCluster[]): AddressedService | undefined {
    for (const { context, namespace, services = [] } of this.#options.forwards(profile).discovered.namespaces) {
      const service = services.find(({ addresses }) => addresses?.includes(address));
      const cluster = clusters.find((each) => each.context === context);
      if (service && cluster) return { cluster, namespace, name: service.name };
    }
    return undefined;
  }

  async #listed(lists: readonly Promise<void>[]): Promise<void> {
    const late = new AbortController();
    await Promise.race([Promise.all(lists), sleep(this.#options.clock, daemonLimits.forwardListMs, late.signal)]);
    late.abort();
  }

  #follow(profile: string, { ref }: ReachedCluster, namespace: string): Followed {
    const key = [profile, ref ?? "", namespace].join("\0");
    const followed = this.#followed.get(key) ?? this.#open(profile, ref, namespace);
    this.#followed.set(key, followed);
    followed.cancelEnd();
    followed.cancelEnd = this.#options.clock.after(daemonLimits.addressesKnownMs, () => {
      followed.close();
      this.#followed.delete(key);
    });
    return followed;
  }

  #open(profile: string, context: string | undefined, namespace: string): Followed {
    const listed = Promise.withResolvers<void>();
    let services: readonly Service[] = [];
    const close = this.#options.clusterFor({ profile, context }).collect({
      kind: "services",
      namespace,
      selector: undefined,
      listener: {
        onItems(items) {
          services = items;
          listed.resolve();
        },
        onProblem: () => listed.resolve(),
        onPolled() {},
      },
    });
    return {
      close,
      listed: listed.promise,
      get services() {
        return services;
      },
      cancelEnd() {},
    };
  }
}
