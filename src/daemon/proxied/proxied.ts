/** What is behind the hub's proxies: names, addresses of services, and what is dialled for their clients. A part of the hub. */

import type { Clock } from "#base/clock.ts";
import type { ForwardsState } from "#daemon/plans/opened-forwards.ts";
import type { AttachedProfile } from "#daemon/plans/profiles.ts";
import type { Cluster } from "#kube/objects/types.ts";
import { connectOutside } from "#net/connect-outside.ts";
import type { Link } from "#proxy/door/dialer.ts";
import { type ClusterRef, isInCluster, type PodTarget, type ProxiedTarget } from "#route/target.ts";
import { proxiesIn, type Wanted } from "#daemon/listening/wanted.ts";
import { isOtherPeoples } from "#base/other-peoples.ts";
import { formatListen } from "#profile/values/listen.ts";
import type { ExplainedProxy } from "#daemon/status/explain.ts";
import type { ProxyFacts } from "#web/facts/hub-facts.ts";
import { AskedNamesOfHub } from "./asked-names.ts";
import { ProxiedDialer } from "./proxied-dialer.ts";
import { ServiceAddresses } from "./service-addresses.ts";

export interface ProxiedOptions {
  /** In the order of their attaching. */
  readonly profiles: () => readonly AttachedProfile[];
  readonly forwards: (profile: string) => ForwardsState;
  /** Throws KtError. */
  readonly clusterFor: (ref: ClusterRef) => Cluster;
  /** See Dialer. */
  readonly dial: (target: PodTarget, signal: AbortSignal) => Promise<Link>;
  readonly clock: Clock;
}

export class Proxied {
  readonly names: AskedNamesOfHub;
  readonly #addresses: ServiceAddresses;
  readonly #dialer: ProxiedDialer;

  constructor({ profiles, forwards, clusterFor, dial, clock }: ProxiedOptions) {
    this.names = new AskedNamesOfHub({ profiles, forwards, clusterFor });
    this.#addresses = new ServiceAddresses({ forwards, clusterFor, clock });
    this.#dialer = new ProxiedDialer({ names: this.names, addresses: this.#addresses, dial, connect: connectOutside });
  }

  /** See Dialer. */
  async dial(target: ProxiedTarget, signal: AbortSignal): Promise<Link> {
    return await this.#dialer.dial(target, signal);
  }

  /** Of the addresses that are open, each for the profiles that share it. */
  facts(wanted: Wanted, isOpen: (address: string) => boolean): ProxyFacts[] {
    return proxiesIn(wanted).flatMap(({ address, leadsTo }) => {
      const place = formatListen(address);
      const names = leadsTo.flatMap((profile) => this.names.namesOf(profile) ?? []);
      if (!isOpen(place)) return [];
      return [
        {
          address: place,
          suffixes: [...new Set(names.flatMap(({ suffixes }) => suffixes))],
          namespaces: names.flatMap(({ clusters }) =>
            clusters.flatMap(({ namespaces, label }) =>
              namespaces.filter((each) => !isOtherPeoples(each)).map((namespace) => ({ namespace, label })),
            ),
          ),
          names: names.flatMap(({ bareNames }) => bareNames),
        },
      ];
    });
  }

  /** The first proxy that leads somewhere by this name, and where. */
  explained(authority: string, wanted: Wanted): ExplainedProxy | undefined {
    for (const { address, leadsTo } of proxiesIn(wanted)) {
      const found = this.names.of(leadsTo).lookup(authority);
      if (found.kind === "found" && isInCluster(found.target)) return { address: formatListen(address), target: found.target };
    }
    return undefined;
  }

  /** Names may lead elsewhere now: they are read when they are asked for. */
  changed(): void {
    this.names.changed();
  }

  /** Other profiles, or others in their place. */
  apply(): void {
    this.names.changed();
    this.#addresses.clear();
  }

  close(): void {
    this.#addresses.clear();
  }
}
