/** The [[forward]]s of the attached profiles: follows their namespaces, and gives each service its address, listeners and names. */

import { deepEquals } from "bun";
import { normaliseHostname } from "#base/hostname.ts";
import { type Clock, sleep } from "#base/clock.ts";
import { KtError, toKtError } from "#base/errors.ts";
import { daemonLimits } from "#daemon/limits.ts";
import { Discovery, type Discovered, type Forward } from "#discovery/discovery.ts";
import { type Claimant, type Forwarded, type ForwardedAll, forwardedBy } from "#discovery/forwarded.ts";
import type { AddressKeeper, Claim } from "#host/address-keeper.ts";
import type { Cluster } from "#kube/objects/types.ts";
import type { Report } from "#observe/events.ts";
import type { Plan, PlannedForward, PlannedPort } from "#profile/values/plan.ts";
import type { DiscoveredPort } from "#daemon/listening/wanted.ts";
import type { ClusterRef } from "#route/target.ts";
import { clusterLabels } from "./cluster-labels.ts";
import type { AttachedProfile, Environment } from "./profiles.ts";

export interface ForwardsOptions {
  /** Awaited before `clusterFor`. */
  readonly prepare: () => Promise<void>;
  /** Throws KtError. */
  readonly clusterFor: (ref: ClusterRef) => Cluster;
  readonly addresses: AddressKeeper;
  /** Ports below need a privilege that kt does not have. */
  readonly firstFreePort: () => number;
  readonly clock: Clock;
  readonly report: Report;
  /** A route is no more: its service has gone, or has another port. */
  readonly onGone: (profile: string, route: string) => void;
  /** Other ports are wanted now. */
  readonly onChange: () => void;
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
    return [...this.#byProfile].flatMap(([profile, { routes }]) => Array.from(routes.values(), (port) => ({ profile, port })));
  }

  /** With the discovered services beside the ports that are written down. */
  extended(attached: AttachedProfile): AttachedProfile {
    return this.#byProfile.get(attached.plan.profile)?.extended(attached) ?? attached;
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
    const fresh = new ProfileForwards(profile, this.#options, (context, server) => this.#clusterKey(context, server, profile));
    this.#byProfile.set(profile, fresh);
    return fresh;
  }

  /** Two kubeconfigs may have another cluster each by one name. */
  #clusterKey(context: string, server: string, profile: string): string {
    const others = [...this.#byProfile].filter(([other]) => other !== profile).map(([, forwards]) => forwards.servers.get(context));
    return others.every((other) => other === undefined || other === server) ? context : `${context} ${server}`;
  }

  #drop(profile: string, forwards: ProfileForwards): void {
    forwards.close();
    this.#byProfile.delete(profile);
    this.#options.addresses.drop(profile);
  }
}

/** What a discovery is made from: another one is needed where any of it changes. */
interface Wanted {
  readonly plan: Pick<Plan, "forwards" | "addresses" | "contexts" | "kubeconfig" | "strangers">;
  readonly environment: Environment;
}

interface Opened {
  readonly wanted: Wanted;
  readonly discovery: Discovery;
  readonly servers: ReadonlyMap<string, string>;
  readonly unopened: readonly UnopenedForward[];
}

class ProfileForwards {
  readonly #profile: string;
  readonly #options: ForwardsOptions;
  readonly #clusterKey: (context: string, server: string) => string;
  #wanted: Wanted | undefined;
  #opened: Opened | undefined;
  /** Takes over once it is complete: what did not change must not be closed meanwhile. */
  #next: Opened | undefined;
  #complete = Promise.withResolvers<void>();
  #cancelRetry = (): void => {};
  #extended: { readonly of: Plan; readonly plan: Plan } | undefined;
  /** By what they are. */
  routes: ReadonlyMap<string, PlannedPort> = new Map();
  state: ForwardsState = nothing;

  constructor(profile: string, options: ForwardsOptions, clusterKey: (context: string, server: string) => string) {
    this.#profile = profile;
    this.#options = options;
    this.#clusterKey = clusterKey;
  }

  /** Of the clusters in use, by context. */
  get servers(): ReadonlyMap<string, string> {
    return this.#opened?.servers ?? new Map();
  }

  want({ forwards, addresses, contexts, kubeconfig, strangers }: Plan, environment: Environment): void {
    const wanted = { plan: { forwards, addresses, contexts, kubeconfig, strangers }, environment };
    if (!deepEquals(this.#wanted, wanted)) this.#wanted = wanted;
  }

  /** Resolves when everything is listed, or it is known why not. */
  open(): Promise<void> {
    const wanted = this.#wanted;
    if (wanted && wanted !== (this.#next ?? this.#opened)?.wanted) this.#open(wanted);
    return this.#complete.promise;
  }

  extended(attached: AttachedProfile): AttachedProfile {
    if (this.routes.size === 0) return attached;
    const { plan } = attached;
    if (this.#extended?.of !== plan)
      this.#extended = { of: plan, plan: { ...plan, listeners: [...plan.listeners, ...this.routes.values()] } };
    return { ...attached, plan: this.#extended.plan };
  }

  find(name: string): FoundForward | undefined {
    const address = this.state.all.names.find(({ names }) => names.includes(name))?.address;
    const place = this.state.all.forwarded.find((each) => address !== undefined && each.address === address);
    const routes = [...this.routes.values()].filter(({ listen }) => listen.some(({ host }) => host === address));
    return place && { place, routes };
  }

  close(): void {
    this.#cancelRetry();
    this.#opened?.discovery.close();
    this.#next?.discovery.close();
    this.#complete.resolve();
  }

  #open(wanted: Wanted): void {
    const { clock } = this.#options;
    this.#cancelRetry();
    this.#next?.discovery.close();
    const waiting = this.#complete;
    this.#complete = Promise.withResolvers();
    void this.#complete.promise.then(waiting.resolve);
    const { forwards, unopened } = this.#clustersOf(wanted);
    const discovery = new Discovery({ forwards, clock, onChange: () => this.#changed(opened) });
    const servers = new Map(forwards.map(({ cluster }) => [cluster.context, cluster.server]));
    const opened: Opened = { wanted, discovery, servers, unopened };
    this.#next = opened;
    if (forwards.length === 0) this.#changed(opened);
    if (unopened.length > 0) this.#retry(wanted, unopened);
  }

  /** What runs is left alone until one more can be opened. */
  #retry(wanted: Wanted, unopened: readonly UnopenedForward[]): void {
    this.#cancelRetry = this.#options.clock.after(daemonLimits.forwardRetryMs, () => {
      const isMended = unopened.some(({ forward }) => !(this.#clusterOf(forward) instanceof KtError));
      if (isMended) this.#open(wanted);
      else this.#retry(wanted, unopened);
    });
  }

  #clusterOf({ context }: PlannedForward): Cluster | KtError {
    try {
      return this.#options.clusterFor({ profile: this.#profile, context });
    } catch (error) {
      return toKtError(error, "cluster-error", "open the cluster");
    }
  }

  #clustersOf({ plan }: Wanted): { readonly forwards: readonly Forward[]; readonly unopened: readonly UnopenedForward[] } {
    const tried = plan.forwards.map((forward) => ({ forward, cluster: this.#clusterOf(forward) }));
    const unopened = tried.flatMap(({ forward, cluster }) => (cluster instanceof KtError ? [{ forward, problem: cluster }] : []));
    const opened = tried.flatMap(({ forward, cluster }) => (cluster instanceof KtError ? [] : [{ forward, cluster }]));
    const labels = clusterLabels(
      opened.map(({ cluster }) => cluster.context),
      plan.contexts,
    );
    const forwards = opened.map(({ forward, cluster }, index): Forward => {
      const naming = { isFirst: index === 0, cluster: labels.get(cluster.context), clusterDomain, domain: forward.domain };
      return { ...forward, cluster, naming };
    });
    return { forwards, unopened };
  }

  #changed(opened: Opened): void {
    if (opened === this.#next) {
      // The first one has nothing to keep: what it knows already is of use.
      if (this.#opened && !opened.discovery.isComplete) return;
      this.#opened?.discovery.close();
      this.#opened = opened;
      this.#next = undefined;
    }
    if (opened !== this.#opened) return;
    this.#compose(opened);
    if (opened.discovery.isComplete) this.#complete.resolve();
  }

  #compose({ wanted, discovery, unopened }: Opened): void {
    const discovered = discovery.current();
    const { reserve } = wanted.plan.addresses;
    const reserved = new Set(reserve.map(({ address }) => address));
    const all = this.#options.addresses.claimAll(this.#profile, reserved, (claim) => {
      const addressOf = addressGiver(wanted.plan.addresses, (context) => this.#keyOf(context), claim);
      return forwardedBy(discovered.namespaces, { addressOf, firstFreePort: this.#options.firstFreePort() });
    });
    const before = this.routes;
    this.routes = this.#routesOf(wanted, all, before);
    this.#forget(before);
    this.#extended = undefined;
    this.#report(all.forwarded);
    this.state = { discovered, all, unopened };
    this.#options.onChange();
  }

  #forget(before: ReadonlyMap<string, PlannedPort>): void {
    const names = new Set(Array.from(this.routes.values(), ({ name }) => name));
    for (const { name } of before.values()) if (!names.has(name)) this.#options.onGone(this.#profile, name);
  }

  #keyOf(context: string): string {
    return this.#clusterKey(context, this.servers.get(context) ?? "");
  }

  /** What is listened on from now on, and what is not any more. */
  #report(forwarded: readonly Forwarded[]): void {
    const after = listening(forwarded);
    const before = listening(this.state.all.forwarded);
    const added = [...after.values()].filter(({ name }) => !before.has(name));
    const removed = [...before.values()].filter(({ name }) => !after.has(name));
    const byNamespace = Map.groupBy([...added, ...removed], ({ context, namespace }) => `${context}\0${namespace}`);
    for (const [first, ...others] of byNamespace.values()) {
      if (!first) continue;
      const { context, namespace } = first;
      const names = [first, ...others].map(({ name }) => name);
      const [come, gone] = [names.filter((name) => after.has(name)), names.filter((name) => !after.has(name))];
      this.#options.report({ type: "forward", context, namespace, added: come, removed: gone });
    }
  }

  /** Equal routes stay the same objects: they are compared, and looked up by, thousands at a time. */
  #routesOf({ plan }: Wanted, { forwarded }: ForwardedAll, before: ReadonlyMap<string, PlannedPort>): Map<string, PlannedPort> {
    const contexts = new Map(plan.forwards.map(({ context }) => [context, context]));
    const routes = forwarded.flatMap((each) =>
      routesTo(each, { profile: this.#profile, context: contexts.get(each.context) }, this.#keyOf(each.context)),
    );
    return new Map(
      routes.map((route) => {
        const key = JSON.stringify([route.name, route.listen, route.target]);
        return [key, before.get(key) ?? route];
      }),
    );
  }
}

function listening(forwarded: readonly Forwarded[]): ReadonlyMap<string, Forwarded> {
  return new Map(forwarded.filter(({ ports }) => ports.length > 0).map((each) => [each.name, each]));
}

/** As the cluster has it unless it says otherwise. */
const clusterDomain = "cluster.local";

/** A reserved address is the first service's that has the name. */
function addressGiver(
  { base, reserve }: Plan["addresses"],
  keyOf: (context: string) => string,
  claim: Claim,
): (claimant: Claimant) => string | undefined {
  const left = new Set(reserve);
  return ({ context, namespace, service, pod }) => {
    const own = [...left].find((each) => pod === undefined && each.service === service && (each.namespace ?? namespace) === namespace);
    if (own) {
      left.delete(own);
      return own.address;
    }
    const name = pod === undefined ? `svc/${service}` : `pod/${pod}.${service}`;
    return claim({ base, cluster: keyOf(context), namespace, name });
  };
}

function routesTo({ name, namespace, service, pod, address, ports }: Forwarded, cluster: ClusterRef, key: string): PlannedPort[] {
  const place = pod === undefined ? { kind: "service" as const, name: service } : { kind: "pod" as const, name: pod };
  return ports.map(({ port, localPort, targetPort }) => ({
    kind: "port",
    door: "tcp",
    name: `${name}:${port}`,
    listen: [{ host: address, port: localPort }],
    target: { ...place, cluster, namespace, port: targetPort },
    forwarded: { cluster: key, namespace, service, ...(pod === undefined ? {} : { pod }) },
  }));
}
