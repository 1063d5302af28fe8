/** The way of a connection: doors that accept it, and the tunnels and clusters that it goes through. For the hub and for `kt forward`. */

import type { Clock } from "#base/clock.ts";
import type { Datagrams } from "#base/datagrams.ts";
import type { Log } from "#base/log.ts";
import { KtError } from "#base/errors.ts";
import { Scope } from "#base/scope.ts";
import type { Cluster, Endpoint } from "#kube/objects/types.ts";
import { CounterTable } from "#observe/counters.ts";
import type { Report } from "#observe/events.ts";
import { RateSampler } from "#observe/rate-sampler.ts";
import type { Plan } from "#profile/values/plan.ts";
import type { DoorContext, IdleLimits, RetryPolicy } from "#proxy/door/context.ts";
import type { RequestTimeouts } from "#proxy/door/request-timer.ts";
import type { Link } from "#proxy/door/dialer.ts";
import type { RelaySettings } from "#route/relay-settings.ts";
import { type ClusterRef, type Destination, formatTarget, isInCluster, type ProxiedTarget, type Target, targetKey } from "#route/target.ts";
import type { JumpPodHolder } from "#tunnel/jump-pod/manifest.ts";
import { type JumpPodPlace, JumpPods } from "#tunnel/jump-pod/pods.ts";
import type { Relays } from "#tunnel/relay/relays.ts";
import { problemOf } from "#tunnel/standing.ts";
import type { TunnelStatus } from "#tunnel/tunnel.ts";
import type { TunnelsOptions } from "#tunnel/tunnels.ts";
import type { TargetFacts } from "#web/facts/hub-facts.ts";
import { Clusters, type ClusterView } from "#daemon/plans/clusters.ts";
import { DerivedTargets, isDerived } from "#daemon/plans/derived-targets.ts";
import type { AttachedProfile } from "#daemon/plans/profiles.ts";
import { namedTargets, routeNames } from "#daemon/plans/route-names.ts";
import { HealthChecks } from "#daemon/plans/health-checks.ts";
import { StoppedTargets } from "#daemon/plans/stopped-targets.ts";
import { type Attachment, nothingAttached, survives } from "#daemon/plans/survival.ts";
import { watchSleep } from "#daemon/process/sleep-watch.ts";
import { type Headroom, ownHeadroom } from "./headroom.ts";
import { jumpPodUsers } from "./jump-pods.ts";
import { LateTunnels } from "./late-tunnels.ts";
import type { Part, PartProblem } from "./part.ts";
import type { Providers, TunnelTable } from "./providers.ts";

/** Doors by kind. */
type DoorTable = Readonly<Record<string, { drain(deadlineMs: number): Promise<void> }>>;

export interface EngineOptions<Doors extends DoorTable> {
  readonly providers: Pick<Providers, "prepare" | "openCluster" | "relays" | "tunnels">;
  readonly doors: (context: DoorContext) => Doors;
  /** Throws KtError for a profile that is not attached. */
  readonly viewOf: (profile: string) => ClusterView;
  readonly timeoutsFor: TunnelsOptions["timeoutsFor"];
  readonly limitsFor?: TunnelsOptions["limitsFor"];
  /** Whose the jump pods and relays are that routes ask for; absent where none can. */
  readonly jumpPodHolder?: JumpPodHolder;
  /** What a profile says about its relay. */
  readonly relayFor?: (profile: string) => RelaySettings;
  readonly clock: Clock;
  readonly log: Log;
  readonly report: Report;
  /** What is known of the tunnel to a target changed; by its key. */
  readonly onTunnelChange?: TunnelsOptions["onChange"];
  /** Called when the machine was asleep, before the tunnels are looked at. */
  readonly onWake?: (sleptMs: number) => void;
  /** Opens a connection to the hub's own pages. Absent where there are none. */
  readonly ownPages?: () => Promise<Link>;
  /** See Dialer, of what a client of the proxy asks for. Absent where there is no proxy. */
  readonly proxied?: (target: ProxiedTarget, signal: AbortSignal) => Promise<Link>;
  /** Targets in use are checked, as the profiles say. */
  readonly checksHealth?: boolean;
  /** What the doors show and ask besides. */
  readonly door?: Pick<DoorContext, "requests" | "profiles" | "checkOwner" | "authority">;
}

/** Of the hub's own pages, whose connections are not lost. */
const noRetry: RetryPolicy = { max: 0, delayMs: 0 };

export class Engine<Doors extends DoorTable> implements Part {
  readonly #options: EngineOptions<Doors>;
  readonly #scope = new Scope();
  readonly #clusters: Clusters;
  readonly #tunnels: TunnelTable;
  readonly #jumpPods: JumpPods | undefined;
  #relays: Relays | undefined;
  readonly #derived: DerivedTargets;
  readonly #health: HealthChecks;
  readonly #headroom: Headroom;
  readonly #stopped = new StoppedTargets();
  readonly counters = new CounterTable();
  readonly rates: RateSampler;
  readonly doors: Doors;
  #plans: readonly Plan[] = [];
  /** By profile: it is asked for with each request. */
  #retries: ReadonlyMap<string, RetryPolicy> = new Map();
  /** Only of profiles that have some. */
  #timeouts: ReadonlyMap<string, RequestTimeouts> = new Map();
  #idleLimits: ReadonlyMap<string, IdleLimits> = new Map();
  /** Undefined in `kt forward`, where nothing is ever attached and each target is one that the user named. */
  #attachment: Attachment | undefined;
  #routeNames: ReadonlyMap<string, readonly string[]> = new Map();

  constructor(options: EngineOptions<Doors>) {
    const { providers, viewOf, jumpPodHolder, clock, log, report } = options;
    const clusterFor = (ref: ClusterRef): Cluster => this.clusterFor(ref);
    this.#options = options;
    this.rates = new RateSampler(this.counters, clock);
    this.#clusters = new Clusters({ open: providers.openCluster, viewOf, clock, log, report });
    this.#jumpPods = jumpPodHolder && this.#jumpPodsOf(jumpPodHolder);
    this.#health = new HealthChecks({ appProtocolOf: (target) => this.#tunnels.appProtocol?.(target), clock });
    this.#tunnels = new LateTunnels(() => this.#openTunnels());
    this.#derived = new DerivedTargets({ clusterFor, dial: (target, signal) => this.#tunnels.dial(target, signal), clock });
    this.#headroom = ownHeadroom(clock, report);
    this.doors = options.doors(this.#doorContext());
    this.#scope.add(() => this.rates.close());
    this.#scope.add(() => this.#clusters.close());
    this.#scope.add(() => this.#headroom.close());
    this.#scope.add(() => this.#jumpPods?.close());
    this.#scope.add(() => this.#relays?.close());
    this.#scope.add(() => this.#tunnels.close());
    this.#scope.add(() => this.#derived.close());
    this.#scope.add(watchSleep(clock, (sleptMs) => this.#woke(sleptMs)));
  }

  /** Throws KtError. */
  clusterFor(ref: ClusterRef): Cluster {
    return this.#clusters.for(ref);
  }

  /** The context of a cluster that is in use. */
  contextOf(ref: ClusterRef): string | undefined {
    return this.#clusters.contextOf(ref);
  }

  tunnel(target: Target): TunnelStatus | undefined {
    return this.#tunnels.status(target);
  }

  /** Every tunnel that there is, and what it leads to. */
  targets(): TargetFacts[] {
    return this.#tunnels.all().map(({ target, standing, sessions, openConnections, dials, failedDials = 0 }) => ({
      profile: target.cluster.profile,
      target: formatTarget(target),
      context: target.cluster.context ?? this.contextOf(target.cluster),
      openConnections,
      sessions,
      readyPods: standing.state === "running" ? standing.pods.length : 0,
      dials,
      failedDials,
    }));
  }

  /** Ends the tunnel to a target with its connections; the next one begins another. */
  endTunnel(target: Target): void {
    this.#tunnels.end(target);
  }

  /** Refuses connections to a target, and ends those that are open. */
  stopTarget(target: Target): void {
    this.#stopped.add(target);
    this.endTunnel(target);
    this.#options.onTunnelChange?.(targetKey(target));
  }

  startTarget(target: Target): void {
    this.#stopped.remove(target);
    this.#options.onTunnelChange?.(targetKey(target));
  }

  isStopped(target: Target): boolean {
    return this.#stopped.has(target);
  }

  /** Begins the tunnel to a target and waits for a ready pod; rejects with why there is none. */
  async prepare(target: Target, signal: AbortSignal): Promise<Endpoint> {
    this.#stopped.check(target);
    await this.#options.providers.prepare();
    return await this.#tunnels.prepare(target, signal);
  }

  /** Why a connection that has just come cannot be served. */
  refusal(): KtError | undefined {
    return this.#headroom.refusal();
  }

  apply(attached: readonly AttachedProfile[]): void {
    const plans = attached.map(({ plan }) => plan);
    const profiles = new Set(plans.map(({ profile }) => profile));
    this.#plans = plans;
    this.#retries = new Map(plans.map(({ profile, retry }) => [profile, retry]));
    const timed = plans.filter(({ timeouts }) => Object.values(timeouts).some((ms) => ms > 0));
    this.#timeouts = new Map(timed.map(({ profile, timeouts }) => [profile, timeouts]));
    const bounded = plans.filter(({ limits: { idle, idlePerTarget } }) => idle + idlePerTarget > 0);
    this.#idleLimits = new Map(bounded.map(({ profile, limits }) => [profile, limits]));
    this.#routeNames = routeNames(plans);
    this.#health.apply(plans);
    this.#forgetCounters(profiles);
    this.#retainTunnels({ named: namedTargets(plans), views: new Map([...profiles].map((each) => [each, this.#options.viewOf(each)])) });
    this.#jumpPods?.retain();
    this.#clusters.retain(profiles);
  }

  status(): PartProblem | undefined {
    return this.#headroom.problem;
  }

  /** Stops accepting, lets open connections go on for at most `deadlineMs`, then ends them. */
  async drain(deadlineMs: number): Promise<void> {
    await Promise.all(Object.values(this.doors).map((door) => door.drain(deadlineMs)));
  }

  close(): Promise<void> {
    return this.#scope.close();
  }

  #openTunnels(): TunnelTable {
    const { providers, jumpPodHolder, relayFor, timeoutsFor, limitsFor, checksHealth, onTunnelChange, clock, log, report } = this.#options;
    this.#relays = jumpPodHolder && relayFor && providers.relays({ holder: jumpPodHolder, settingsFor: relayFor, clock, log });
    return providers.tunnels({
      clusterFor: (ref) => this.clusterFor(ref),
      ...(this.#jumpPods && { jumpPods: this.#jumpPods }),
      ...(this.#relays && { relays: this.#relays }),
      timeoutsFor,
      ...(limitsFor && { limitsFor }),
      ...(checksHealth === true && { healthCheckOf: (target, key) => this.#health.of(target, key) }),
      isNamed: (key) => this.#attachment?.named.has(key) ?? true,
      routesTo: (key) => this.#routeNames.get(key) ?? [],
      ...(onTunnelChange && { onChange: onTunnelChange }),
      clock,
      log,
      report,
    });
  }

  #jumpPodsOf(holder: JumpPodHolder): JumpPods {
    const { clock, log, report } = this.#options;
    const usersOf = (pod: JumpPodPlace) => jumpPodUsers(this.#plans, pod, (ref) => this.clusterFor(ref));
    return new JumpPods({ holder, usersOf, clock, log, report });
  }

  #doorContext(): DoorContext {
    const { clock, log, report, door } = this.#options;
    return {
      ...door,
      dialer: {
        dial: (target, signal) => this.#dial(target, signal),
        openFlow: (target, signal) => this.#openFlow(target, signal),
        appProtocol: (target) => (isInCluster(target) ? this.#tunnels.appProtocol?.(target) : undefined),
      },
      counters: this.counters,
      clock,
      log,
      report,
      retryOf: (profile) => this.#retries.get(profile) ?? noRetry,
      timeoutsOf: (profile) => this.#timeouts.get(profile),
      idleLimitsOf: (profile) => this.#idleLimits.get(profile),
      refusal: () => this.refusal(),
      whyWaiting: (target) => (isInCluster(target) ? problemOf(this.tunnel(target)?.standing)?.message : undefined),
    };
  }

  async #dial(target: Destination, signal: AbortSignal): Promise<Link> {
    if (target.kind === "builtin") return await this.#openOwnPages();
    return await this.#headroom.opening(() =>
      target.kind === "proxied" ? this.#dialProxied(target, signal) : this.dialCluster(target, signal),
    );
  }

  async #dialProxied(target: ProxiedTarget, signal: AbortSignal): Promise<Link> {
    const { proxied } = this.#options;
    if (!proxied) throw new KtError("internal", "internal error: this engine has no proxy");
    return await proxied(target, signal);
  }

  async #openOwnPages(): Promise<Link> {
    const { ownPages } = this.#options;
    if (!ownPages) throw new KtError("internal", "internal error: this engine has no pages of its own");
    return await ownPages();
  }

  /** See Dialer. */
  async dialCluster(target: Target, signal: AbortSignal): Promise<Link> {
    this.#stopped.check(target);
    await this.#options.providers.prepare();
    return await (isDerived(target) ? this.#derived.dial(target, signal) : this.#tunnels.dial(target, signal));
  }

  /** A flow has no descriptor of its own: all are carried by the relay's session. */
  async #openFlow(target: Target, signal: AbortSignal): Promise<Datagrams> {
    await this.#options.providers.prepare();
    return await this.#tunnels.openFlow(target, signal);
  }

  #forgetCounters(profiles: ReadonlySet<string>): void {
    for (const profile of this.#attachment?.views.keys() ?? []) if (!profiles.has(profile)) this.counters.forget(profile);
  }

  #retainTunnels(after: Attachment): void {
    const before = this.#attachment ?? nothingAttached;
    this.#attachment = after;
    this.#stopped.retain(after.named);
    this.#tunnels.retain((target) => {
      const openConnections = this.tunnel(target)?.openConnections ?? 0;
      return survives({ key: targetKey(target), profile: target.cluster.profile, openConnections }, before, after);
    });
  }

  #woke(sleptMs: number): void {
    this.#options.onWake?.(sleptMs);
    this.#tunnels.wake();
  }
}
