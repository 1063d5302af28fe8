/** The [[forward]]s of the attached profiles: follows their namespaces, and gives each service its address, listeners and names. */

import { deepEquals } from "bun";
import { normaliseHostname } from "#base/hostname.ts";
import { type Clock, sleep } from "#base/clock.ts";
import { KtError, toKtError } from "#base/errors.ts";
import { daemonLimits } from "#daemon/limits.ts";
import type { Forwarded } from "#discovery/forwarded.ts";
import type { AddressKeeper } from "#host/address-keeper.ts";
import type { Cluster } from "#kube/objects/types.ts";
import type { KtEvent, Report } from "#observe/events.ts";
import type { Plan, PlannedForward, PlannedPort } from "#profile/values/plan.ts";
import type { DiscoveredPort } from "#daemon/listening/wanted.ts";
import type { ClusterRef } from "#route/target.ts";
import { type ForwardsState, OpenedForwards, type WantedForwards } from "./opened-forwards.ts";
import type { AttachedProfile, Environment } from "./profiles.ts";

export interface ForwardsOptions {
  /** Awaited before `clusterFor`. */
  readonly prepare: () => Promise<void>;
  /** Throws KtError. */
  readonly clusterFor: (ref: ClusterRef) => Cluster;
  readonly addresses: AddressKeeper;
  /** Ports below need a privilege that kt does not have. */
  readonly firstFreePort: () => number;
  /** What programs listen at in 127.0.0.0/8: "127.1.27.3:5432". */
  readonly sockets: () => ReadonlySet<string>;
  readonly clock: Clock;
  readonly report: Report;
  /** A route is no more: its service has gone, or has another port. */
  readonly onGone: (profile: string, route: string) => void;
  /** Other ports are wanted now. */
  readonly onChange: () => void;
}

/** What a name leads to, and a route for each of its ports. */
export interface FoundForward {
  readonly place: Forwarded;
  readonly routes: readonly PlannedPort[];
}

const nothing: ForwardsState = {
  discovered: { namespaces: [], problems: [] },
  all: { forwarded: [], names: [], clashes: [] },
  unopened: [],
};

/** A part of the hub. */
export class Forwards {
  readonly #options: ForwardsOptions;
  readonly #byProfile = new Map<string, ProfileForwards>();

  constructor(options: ForwardsOptions) {
    this.#options = options;
  }

  apply(attached: readonly AttachedProfile[]): void {
    const wanted = new Map(attached.filter(({ plan }) => plan.forwards.length > 0).map((each) => [each.plan.profile, each]));
    const gone = [...this.#byProfile].filter(([profile]) => !wanted.has(profile));
    for (const [profile, forwards] of gone) this.#drop(profile, forwards);
    if (gone.length > 0) this.#options.onChange();
    for (const [profile, each] of wanted) this.#forwardsOf(profile).want(each.plan, each.environment);
  }

  /** Opens what is wanted, and waits for the first lists, but not for a cluster that does not answer. */
  async settle(): Promise<void> {
    if (this.#byProfile.size === 0) return;
    await this.#options.prepare();
    const late = new AbortController();
    const listed = Promise.all(Array.from(this.#byProfile.values(), (forwards) => forwards.open()));
    await Promise.race([listed, sleep(this.#options.clock, daemonLimits.forwardListMs, late.signal)]);
    late.abort();
  }

  /** Every port that is wanted now. */
  ports(): DiscoveredPort[] {
    return [...this.#byProfile].flatMap(([profile, { ports }]) => ports.map((port) => ({ profile, port })));
  }

  /** With the discovered services beside the ports that are written down. */
  extended(attached: AttachedProfile): AttachedProfile {
    return this.#byProfile.get(attached.plan.profile)?.extended(attached) ?? attached;
  }

  /** Two hubs that begin at the same time may choose one address: who comes second takes another. `isTaken` is asked of "ADDRESS:PORT". */
  leaveTaken(isTaken: (socket: string) => boolean): void {
    for (const forwards of this.#byProfile.values()) forwards.leaveTaken(isTaken);
  }

  state(profile: string): ForwardsState {
    return this.#byProfile.get(profile)?.state ?? nothing;
  }

  /** The service or pod that a hostname leads to, by the first profile that has the name. */
  find(hostname: string): FoundForward | undefined {
    const name = normaliseHostname(hostname);
    for (const forwards of this.#byProfile.values()) {
      const found = name === undefined ? undefined : forwards.find(name);
      if (found) return found;
    }
    return undefined;
  }

  release(): void {
    for (const forwards of this.#byProfile.values()) forwards.close();
  }

  async close(): Promise<void> {
    await this.#options.addresses.close();
  }

  #forwardsOf(profile: string): ProfileForwards {
    const known = this.#byProfile.get(profile);
    if (known) return known;
    const fresh = new ProfileForwards(profile, this.#options, (cluster) => this.#clusterKey(cluster, profile));
    this.#byProfile.set(profile, fresh);
    return fresh;
  }

  /** Two kubeconfigs may have another cluster each by one name. */
  #clusterKey({ context, server }: Cluster, profile: string): string {
    const others = [...this.#byProfile].filter(([other]) => other !== profile).map(([, forwards]) => forwards.servers.get(context));
    return others.every((other) => other === undefined || other === server) ? context : `${context} ${server}`;
  }

  #drop(profile: string, forwards: ProfileForwards): void {
    forwards.close();
    this.#byProfile.delete(profile);
  }
}

class ProfileForwards {
  readonly #profile: string;
  readonly #options: ForwardsOptions;
  readonly #clusterKey: (cluster: Cluster) => string;
  #wanted: WantedForwards | undefined;
  #opened: OpenedForwards | undefined;
  /** Takes over once it is complete: what did not change must not be closed meanwhile. */
  #next: OpenedForwards | undefined;
  #complete = Promise.withResolvers<void>();
  #cancelRetry = (): void => {};
  #extended: { readonly of: Plan; readonly plan: Plan } | undefined;
  /** Those whose addresses were not listened at before. */
  #fresh: readonly Forwarded[] = [];
  ports: readonly PlannedPort[] = [];
  state: ForwardsState = nothing;

  constructor(profile: string, options: ForwardsOptions, clusterKey: (cluster: Cluster) => string) {
    this.#profile = profile;
    this.#options = options;
    this.#clusterKey = clusterKey;
  }

  /** Of the clusters in use, by context. */
  get servers(): ReadonlyMap<string, string> {
    return this.#opened?.servers ?? new Map();
  }

  want({ forwards, addresses, clusterDomain, contexts, kubeconfig, strangers, relay }: Plan, environment: Environment): void {
    const wanted = { plan: { forwards, addresses, clusterDomain, contexts, kubeconfig, strangers, relay }, environment };
    if (!deepEquals(this.#wanted, wanted)) this.#wanted = wanted;
  }

  /** Resolves when everything is listed, or it is known why not. */
  open(): Promise<void> {
    const wanted = this.#wanted;
    if (wanted && wanted !== (this.#next ?? this.#opened)?.wanted) this.#open(wanted);
    return this.#complete.promise;
  }

  extended(attached: AttachedProfile): AttachedProfile {
    if (this.ports.length === 0) return attached;
    const { plan } = attached;
    if (this.#extended?.of !== plan) this.#extended = { of: plan, plan: { ...plan, listeners: [...plan.listeners, ...this.ports] } };
    return { ...attached, plan: this.#extended.plan };
  }

  leaveTaken(isTaken: (socket: string) => boolean): void {
    const socketsOf = ({ address, ports }: Forwarded): string[] => ports.map(({ localPort }) => `${address}:${localPort}`);
    const taken = this.#fresh.filter((place) => socketsOf(place).some(isTaken));
    this.#fresh = [];
    const held = taken.length === 0 ? new Set() : this.#options.sockets();
    const left = taken.filter((place) => socketsOf(place).some((socket) => isTaken(socket) && held.has(socket)));
    if (left.length === 0 || !this.#opened) return;
    this.#opened.leave(left);
    this.#take(this.#opened.current());
  }

  find(name: string): FoundForward | undefined {
    const { names: entries, forwarded } = this.state.all;
    const address = entries.find(({ names }) => names.includes(name))?.address;
    const isMeant = (each: Forwarded): boolean => (address === undefined ? each.hostnames.includes(name) : each.address === address);
    const place = forwarded.find(isMeant);
    const routes = this.ports.filter(({ listen }) => listen.some(({ host }) => host === address));
    return place && { place, routes };
  }

  close(): void {
    this.#cancelRetry();
    this.#opened?.close();
    this.#next?.close();
    this.#complete.resolve();
  }

  #open(wanted: WantedForwards): void {
    const { addresses, firstFreePort, clock } = this.#options;
    this.#cancelRetry();
    this.#next?.close();
    const waiting = this.#complete;
    this.#complete = Promise.withResolvers();
    void this.#complete.promise.then(waiting.resolve);
    const opened = new OpenedForwards({
      profile: this.#profile,
      wanted,
      clusterOf: (forward) => this.#clusterOf(forward),
      keyOf: this.#clusterKey,
      addresses,
      firstFreePort: firstFreePort(),
      clock,
      onChange: (which) => this.#changed(which),
    });
    this.#next = opened;
    if (opened.servers.size === 0) this.#changed(opened);
    if (opened.unopened.length > 0) this.#retry(opened);
  }

  /** What runs is left alone until one more can be opened. */
  #retry({ wanted, unopened }: OpenedForwards): void {
    const look = (): void => {
      const isMended = unopened.some(({ forward }) => !(this.#clusterOf(forward) instanceof KtError));
      if (isMended) this.#open(wanted);
      else this.#cancelRetry = this.#options.clock.after(daemonLimits.forwardRetryMs, look);
    };
    this.#cancelRetry = this.#options.clock.after(daemonLimits.forwardRetryMs, look);
  }

  #clusterOf({ context }: PlannedForward): Cluster | KtError {
    try {
      return this.#options.clusterFor({ profile: this.#profile, context });
    } catch (error) {
      return toKtError(error, "cluster-error", "open the cluster");
    }
  }

  #changed(opened: OpenedForwards): void {
    const isTakingOver = opened === this.#next;
    // The first one has nothing to keep: what it knows already is of use.
    if (isTakingOver ? this.#opened && !opened.isComplete : opened !== this.#opened) return;
    const previous = isTakingOver ? this.#opened : undefined;
    this.#opened = opened;
    if (isTakingOver) this.#next = undefined;
    this.#take(opened.current());
    // Only now: addresses that both have are not given up between them.
    previous?.close();
    if (opened.isComplete) this.#complete.resolve();
  }

  #take({ state, ports }: ReturnType<OpenedForwards["current"]>): void {
    const previous = this.ports;
    this.ports = ports;
    this.#extended = undefined;
    const names = new Set(ports.map(({ name }) => name));
    for (const { name } of previous) if (!names.has(name)) this.#options.onGone(this.#profile, name);
    const known = new Set(this.state.all.forwarded.map(({ address }) => address));
    this.#fresh = state.all.forwarded.filter(({ address }) => address !== "" && !known.has(address));
    for (const event of changesBetween(this.state.all.forwarded, state.all.forwarded)) this.#options.report(event);
    this.state = state;
    this.#options.onChange();
  }
}

/** What is listened on from now on, and what is not any more, by namespace. */
function changesBetween(before: readonly Forwarded[], after: readonly Forwarded[]): KtEvent[] {
  const [old, now] = [listening(before), listening(after)];
  const added = [...now.values()].filter(({ name }) => !old.has(name));
  const removed = [...old.values()].filter(({ name }) => !now.has(name));
  const byNamespace = Map.groupBy([...added, ...removed], ({ context, namespace }) => `${context}\0${namespace}`);
  return [...byNamespace.values()].flatMap((those): KtEvent[] => {
    const [{ context, namespace } = { context: "", namespace: "" }] = those;
    const names = those.map(({ name }) => name);
    const [come, gone] = [names.filter((name) => now.has(name)), names.filter((name) => !now.has(name))];
    return [{ type: "forward", context, namespace, added: come, removed: gone }];
  });
}

function listening(forwarded: readonly Forwarded[]): ReadonlyMap<string, Forwarded> {
  return new Map(forwarded.filter(({ ports }) => ports.length > 0).map((each) => [each.name, each]));
}
