/** A profile's [[forward]]s on their clusters: what is discovered there, and the ports, addresses and names that come of it. */

import type { Clock } from "#base/clock.ts";
import { KtError } from "#base/errors.ts";
import { Discovery, type Discovered, type Forward } from "#discovery/discovery.ts";
import { type Claimant, type Forwarded, type ForwardedAll, type ForwardedOptions, ForwardedServices } from "#discovery/forwarded.ts";
import type { AddressKeeper, AddressLease } from "#host/address-keeper.ts";
import type { Owner } from "#host/address-book.ts";
import type { Cluster } from "#kube/objects/types.ts";
import type { Plan, PlannedForward, PlannedPort } from "#profile/values/plan.ts";
import { hasRelay } from "#tunnel/relay/has-relay.ts";
import { clusterLabels } from "./cluster-labels.ts";
import type { Environment } from "./profiles.ts";

/** What they are made from: others are needed where any of it changes. */
export interface WantedForwards {
  readonly plan: Pick<Plan, "forwards" | "addresses" | "clusterDomain" | "contexts" | "kubeconfig" | "strangers" | "relay">;
  readonly environment: Environment;
}

/** A [[forward]] whose cluster cannot be opened. */
export interface UnopenedForward {
  readonly forward: PlannedForward;
  readonly problem: KtError;
}

/** What is known of a profile's [[forward]]s. */
export interface ForwardsState {
  readonly discovered: Discovered;
  readonly all: ForwardedAll;
  readonly unopened: readonly UnopenedForward[];
}

export interface OpenedForwardsOptions {
  readonly profile: string;
  readonly wanted: WantedForwards;
  readonly clusterOf: (forward: PlannedForward) => Cluster | KtError;
  /** A name of the cluster, unlike that of any other that is in use. */
  readonly keyOf: (cluster: Cluster) => string;
  readonly addresses: AddressKeeper;
  readonly firstFreePort: number;
  readonly clock: Clock;
  readonly onChange: (opened: OpenedForwards) => void;
}

export class OpenedForwards {
  readonly #profile: string;
  readonly #discovery: Discovery;
  readonly #lease: AddressLease;
  readonly #services: ForwardedServices;
  /** Equal ones stay the same objects: they are compared, and looked up by, thousands at a time. */
  readonly #ports = new WeakMap<Forwarded, readonly PlannedPort[]>();
  readonly #keys: ReadonlyMap<string, string>;
  /** As the profile names them, which may be by no name at all. */
  readonly #contexts: ReadonlyMap<string, string | undefined>;
  readonly wanted: WantedForwards;
  readonly unopened: readonly UnopenedForward[];
  /** Of the clusters in use, by context. */
  readonly servers: ReadonlyMap<string, string>;

  constructor(options: OpenedForwardsOptions) {
    const { profile, wanted, clusterOf, keyOf, addresses, firstFreePort, clock, onChange } = options;
    const { forwards, addresses: own, relay } = wanted.plan;
    const tried = forwards.map((forward) => ({ forward, cluster: clusterOf(forward) }));
    const opened = tried.flatMap(({ forward, cluster }) => (cluster instanceof KtError ? [] : [{ forward, cluster }]));
    this.#profile = profile;
    this.wanted = wanted;
    this.unopened = tried.flatMap(({ forward, cluster }) => (cluster instanceof KtError ? [{ forward, problem: cluster }] : []));
    this.servers = new Map(opened.map(({ cluster }) => [cluster.context, cluster.server]));
    this.#keys = new Map(opened.map(({ cluster }) => [cluster.context, keyOf(cluster)]));
    this.#contexts = new Map(opened.map(({ forward, cluster }) => [cluster.context, forward.context]));
    this.#lease = addresses.lease(new Set(own.reserve.map(({ address }) => address)));
    this.#services = new ForwardedServices({ ...this.#addressGiver(own), firstFreePort, hasRelay: hasRelay(relay) });
    this.#discovery = new Discovery({ forwards: named(opened, wanted.plan), clock, onChange: () => onChange(this) });
  }

  /** Everything is listed, or it is known why not. */
  get isComplete(): boolean {
    return this.#discovery.isComplete;
  }

  current(): { readonly state: ForwardsState; readonly ports: readonly PlannedPort[] } {
    const discovered = this.#discovery.current();
    const all = this.#services.update(discovered.namespaces);
    return { state: { discovered, all, unopened: this.unopened }, ports: all.forwarded.flatMap((place) => this.#portsOf(place)) };
  }

  /** Other programs listen at the addresses of these. */
  leave(places: readonly Forwarded[]): void {
    for (const place of places) {
      this.#lease.leave(this.#ownerOf(place));
      this.#services.forget(place);
    }
  }

  close(): void {
    this.#discovery.close();
    this.#lease.close();
  }

  /** A reserved address is the first service's that has the name. */
  #addressGiver({ reserve }: Plan["addresses"]): Pick<ForwardedOptions, "addressOf" | "onGone"> {
    const reserved = new Map<(typeof reserve)[number], string>();
    return {
      addressOf: (claimant) => {
        const { context, namespace, service, pod } = claimant;
        const place = `${context}/${namespace}`;
        const own = reserve.find((each) => pod === undefined && each.service === service && (each.namespace ?? namespace) === namespace);
        if (!own || (reserved.get(own) ?? place) !== place) return this.#lease.claim(this.#ownerOf(claimant));
        reserved.set(own, place);
        return own.address;
      },
      onGone: (claimant) => this.#lease.release(this.#ownerOf(claimant)),
    };
  }

  #ownerOf({ context, namespace, service, pod }: Claimant): Owner {
    const name = pod === undefined ? `svc/${service}` : `pod/${pod}.${service}`;
    return { base: this.wanted.plan.addresses.base, cluster: this.#keys.get(context) ?? context, namespace, name };
  }

  #portsOf(place: Forwarded): readonly PlannedPort[] {
    const known = this.#ports.get(place);
    if (known) return known;
    const ports = portsTo(place, this.#profile, this.#contexts.get(place.context), this.#keys.get(place.context) ?? place.context);
    this.#ports.set(place, ports);
    return ports;
  }
}

function named(
  opened: readonly { readonly forward: PlannedForward; readonly cluster: Cluster }[],
  { contexts, clusterDomain }: Pick<Plan, "contexts" | "clusterDomain">,
): Forward[] {
  const labels = clusterLabels(
    opened.map(({ cluster }) => cluster.context),
    contexts,
  );
  return opened.map(({ forward, cluster }, index) => {
    const naming = { isFirst: index === 0, cluster: labels.get(cluster.context), clusterDomain, domain: forward.domain };
    return { ...forward, cluster, naming };
  });
}

function portsTo(
  { name, namespace, service, pod, address, ports }: Forwarded,
  profile: string,
  context: string | undefined,
  clusterKey: string,
): PlannedPort[] {
  const place = pod === undefined ? { kind: "service" as const, name: service } : { kind: "pod" as const, name: pod };
  return ports.map(({ port, localPort, targetPort, transport }) => ({
    kind: "port",
    door: transport ?? "tcp",
    name: transport === undefined ? `${name}:${port}` : `${name}:${port}/${transport}`,
    listen: [{ host: address, port: localPort, ...(transport && { transport }) }],
    target: { ...place, cluster: { profile, context }, namespace, port: targetPort, ...(transport && { transport }) },
    forwarded: { cluster: clusterKey, namespace, service, ...(pod === undefined ? {} : { pod }) },
  }));
}
