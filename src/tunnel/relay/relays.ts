/** The relays of the hub: one for each that profiles ask for, as long as a tunnel uses it. */

import type { Clock } from "#base/clock.ts";
import type { Datagrams } from "#base/datagrams.ts";
import { KtError } from "#base/errors.ts";
import type { Log } from "#base/log.ts";
import type { Cluster } from "#kube/objects/types.ts";
import type { RelaySettings } from "#route/relay-settings.ts";
import type { JumpPodHolder } from "#tunnel/jump-pod/manifest.ts";
import type { FlowRelay, RelayPlace } from "#tunnel/flow/flow-relay.ts";
import { tunnelLimits } from "#tunnel/limits.ts";
import { hasRelay, noRelay } from "./has-relay.ts";
import { relayJob, relayName } from "./manifest.ts";
import { OwnRelay } from "./own-relay.ts";
import { Relay } from "./relay.ts";
import type { RelayWay } from "./relay-way.ts";

export interface RelaysOptions {
  readonly holder: JumpPodHolder;
  /** Of a profile. */
  readonly settingsFor: (profile: string) => RelaySettings | undefined;
  readonly clock: Clock;
  readonly log: Log;
}

interface Entry {
  readonly relay: Relay;
  uses: number;
  cancelEnd: (() => void) | undefined;
}

/** A tunnel's use of a relay. */
export interface RelayUse {
  readonly relay: RelayWay;
  /** Once. */
  release(): void;
}

export class Relays implements FlowRelay {
  readonly #options: RelaysOptions;
  /** By where the cluster is, then by namespace and name. */
  readonly #byPlace = new Map<object, Map<string, Entry>>();
  readonly #ending = new Set<Promise<void>>();

  constructor(options: RelaysOptions) {
    this.#options = options;
  }

  settingsFor(profile: string): RelaySettings | undefined {
    return this.#options.settingsFor(profile);
  }

  /**
   * The relay that a profile asks for, begun where there is none; in a pod of the cluster kt itself. Throws KtError where the profile
   * allows none.
   */
  use(profile: string, cluster: Cluster, what = "this"): RelayUse {
    const { podNetwork } = cluster;
    if (podNetwork) return { relay: new OwnRelay(podNetwork, tunnelLimits.addressConnectMs), release() {} };
    const entry = this.#begun(profile, cluster, what);
    return { relay: entry.relay, release: () => this.#release(entry) };
  }

  /** The relay that a profile asks for, where others use it already. */
  find(profile: string, cluster: Cluster): Relay | undefined {
    const settings = this.#options.settingsFor(profile);
    if (!hasRelay(settings)) return undefined;
    return this.#byPlace.get(cluster.place)?.get(`${settings.namespace ?? cluster.namespace}/${relayName(settings)}`)?.relay;
  }

  /** See FlowRelay. */
  async ready({ profile, cluster }: RelayPlace, signal: AbortSignal): Promise<void> {
    if (cluster.podNetwork) return;
    const entry = this.#begun(profile, cluster, "UDP");
    try {
      await entry.relay.ready(signal);
    } finally {
      this.#release(entry);
    }
  }

  /** See FlowRelay. */
  async openFlow(place: RelayPlace, to: { readonly host: string; readonly port: number }, signal: AbortSignal): Promise<Datagrams> {
    const { podNetwork } = place.cluster;
    if (podNetwork) return await podNetwork.openFlow(to);
    await this.ready(place, signal);
    const flow = this.find(place.profile, place.cluster)?.openFlow(to);
    if (!flow) throw new KtError("connection-lost", "the relay was lost");
    return flow;
  }

  /** Called about every second. */
  tick(nowMs: number): void {
    for (const { relay } of this.#entries()) relay.tick(nowMs);
  }

  ping(): void {
    for (const { relay } of this.#entries()) relay.ping();
  }

  /** Gives up all, and waits for it. */
  async close(): Promise<void> {
    for (const entry of this.#entries()) this.#end(entry);
    await Promise.all(this.#ending);
  }

  #begun(profile: string, cluster: Cluster, what: string): Entry {
    const entry = this.#entry(profile, cluster, what);
    entry.cancelEnd?.();
    entry.cancelEnd = undefined;
    entry.uses += 1;
    return entry;
  }

  #entries(): Entry[] {
    return [...this.#byPlace.values()].flatMap((entries) => [...entries.values()]);
  }

  #entry(profile: string, cluster: Cluster, what: string): Entry {
    const { holder, clock, log } = this.#options;
    const settings = this.#options.settingsFor(profile);
    if (!hasRelay(settings)) throw noRelay(what, settings);
    const namespace = settings.namespace ?? cluster.namespace;
    const key = `${namespace}/${relayName(settings)}`;
    const entries = this.#byPlace.get(cluster.place) ?? new Map<string, Entry>();
    this.#byPlace.set(cluster.place, entries);
    const known = entries.get(key);
    if (known) return known;
    const made: Entry = {
      relay: new Relay({ cluster, namespace, job: relayJob(settings, namespace, holder.user), user: holder.id, clock, log }),
      uses: 0,
      cancelEnd: undefined,
    };
    entries.set(key, made);
    return made;
  }

  #release(entry: Entry): void {
    entry.uses -= 1;
    if (entry.uses > 0) return;
    entry.cancelEnd = this.#options.clock.after(tunnelLimits.relayLingerMs, () => this.#end(entry));
  }

  #end(entry: Entry): void {
    entry.cancelEnd?.();
    for (const [place, entries] of this.#byPlace) {
      for (const [key, each] of entries) if (each === entry) entries.delete(key);
      if (entries.size === 0) this.#byPlace.delete(place);
    }
    const done: Promise<void> = entry.relay.end().finally(() => this.#ending.delete(done));
    this.#ending.add(done);
  }
}
