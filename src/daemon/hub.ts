/** The hub: wires the rooms, keeps one per user, and says when it ends. */

import { deepEquals } from "bun";
import type { Hello, Snapshot } from "#control/api.ts";
import { protocolVersion } from "#control/api.ts";
import { ControlServer } from "#control/server.ts";
import { type Clock, systemClock } from "#base/clock.ts";
import { KtError } from "#base/errors.ts";
import { daemonLimits } from "./limits.ts";
import type { Log } from "#base/log.ts";
import { Scope } from "#base/scope.ts";
import { CounterTable } from "#observe/counters.ts";
import { logEvent } from "#observe/describe.ts";
import { boundedEvent, type KtEvent } from "#observe/events.ts";
import { Journal } from "#observe/journal.ts";
import { RequestLog } from "#observe/requests.ts";
import type { Plan } from "#profile/values/plan.ts";
import type { Dialer } from "#proxy/door/dialer.ts";
import type { DoorContext } from "#proxy/door/context.ts";
import { FrontDoor } from "#proxy/front-door.ts";
import { TcpDoor } from "#proxy/tcp-door.ts";
import { type Target, targetKey } from "#route/target.ts";
import type { JumpPodHolder } from "#tunnel/jump-pod/manifest.ts";
import { JumpPods } from "#tunnel/jump-pod/pods.ts";
import { problemOf } from "#tunnel/standing.ts";
import type { TunnelStatus } from "#tunnel/tunnel.ts";
import type { TunnelsOptions } from "#tunnel/tunnels.ts";
import { Clusters, type ClusterView, type OpenCluster, viewKey } from "#daemon/plans/clusters.ts";
import { type CheckContext, ContextWatch } from "#daemon/plans/contexts.ts";
import { DerivedTargets, isDerived } from "#daemon/plans/derived-targets.ts";
import { explain } from "#daemon/status/explain.ts";
import { type Headroom, ownHeadroom } from "./headroom.ts";
import { jumpPodHolder, jumpPodUsers } from "./jump-pods.ts";
import { Listeners } from "#daemon/listening/listeners.ts";
import { HubPlace } from "#daemon/process/place.ts";
import { portHolding } from "#daemon/listening/port-holding.ts";
import { checkOwner } from "./owner-check.ts";
import { type AttachRequest, type LoadProfile, Profiles } from "#daemon/plans/profiles.ts";
import { routeNames } from "#daemon/plans/route-names.ts";
import { namedTargets, wantedBy } from "#daemon/listening/reconcile.ts";
import { Remembered } from "#daemon/plans/remembered.ts";
import { Service } from "./requests.ts";
import { watchSleep } from "#daemon/process/sleep-watch.ts";
import { profileStates, sent } from "#daemon/status/state.ts";

/** What the hub needs of the tunnel room. */
export interface TunnelTable extends Dialer {
  prepare(target: Target, signal: AbortSignal): Promise<unknown>;
  status(target: Target): TunnelStatus | undefined;
  retain(isWanted: (target: Target) => boolean): void;
  wake(): void;
  close(): Promise<void>;
}

/** The rooms that tests replace. */
export interface HubRooms {
  /** Throws KtError for what may not be used, as where it needs consent. */
  readonly load: LoadProfile;
  /** Called and awaited before `openCluster`, any number of times. */
  readonly prepare: () => Promise<void>;
  readonly openCluster: OpenCluster;
  readonly checkContext: CheckContext;
  readonly tunnels: (options: TunnelsOptions) => TunnelTable;
}

export interface HubOptions {
  /** The private directory for the socket and the lock. */
  readonly directory: string;
  readonly version: string;
  readonly commit: string;
  readonly log: Log;
  /** Each request goes to the log as well. */
  readonly logsRequests?: boolean;
  /** Ends by itself after its last profile. */
  readonly lingers: boolean;
  readonly rooms: HubRooms;
  readonly clock?: Clock;
}

export class Hub {
  readonly #options: HubOptions;
  readonly #clock: Clock;
  /** The lock, the socket and the listeners: what no two hubs can have. */
  readonly #place = new Scope();
  readonly #scope = new Scope();
  readonly #journal: Journal;
  readonly #counters = new CounterTable();
  readonly #requests: RequestLog;
  readonly #clusters: Clusters;
  readonly #contexts: ContextWatch;
  readonly #headroom: Headroom;
  readonly #remembered: Remembered;
  readonly #jumpPods: JumpPods;
  readonly #tunnels: TunnelTable;
  readonly #derived: DerivedTargets;
  readonly #frontDoor: FrontDoor;
  readonly #tcpDoor: TcpDoor;
  readonly #listeners: Listeners;
  readonly #profiles: Profiles;
  readonly #hello: Hello;
  readonly #startedAtMs: number;
  readonly #stopAsked = Promise.withResolvers<void>();
  #named = new Set<string>();
  #routeNames: ReadonlyMap<string, readonly string[]> = new Map();
  /** How each profile saw its clusters at the last change. */
  #views: ReadonlyMap<string, ClusterView> = new Map();
  #cancelLinger = (): void => {};
  /** Resolves when the hub should end: its last profile went long enough ago, or a client asked. */
  readonly stopAsked: Promise<void> = this.#stopAsked.promise;

  private constructor(options: HubOptions, holder: JumpPodHolder) {
    const { rooms, log, clock = systemClock } = options;
    this.#options = options;
    this.#clock = clock;
    this.#startedAtMs = clock.wallMs();
    this.#journal = new Journal(clock);
    this.#requests = new RequestLog(clock);
    if (options.logsRequests === true) this.#requests.follow(({ event }) => logEvent(log, event));
    this.#hello = { protocol: protocolVersion, version: options.version, commit: options.commit, pid: process.pid };
    const report = (event: KtEvent): void => this.#report(event);
    const onChange = (): void => this.#reconcile();
    this.#profiles = new Profiles({ load: rooms.load, clock, report, onChange });
    this.#clusters = new Clusters({ open: rooms.openCluster, viewOf: (profile) => this.#viewOf(profile), clock, log, report });
    this.#contexts = new ContextWatch({
      check: rooms.checkContext,
      clock,
      onProblem: (profile, { message }) => log("warn", "context", { text: `profile "${profile}": ${message}` }),
    });
    const clusterFor = this.#clusters.for.bind(this.#clusters);
    const plans = (): Plan[] => this.#profiles.list().map(({ plan }) => plan);
    this.#jumpPods = new JumpPods({ holder, usersOf: (pod) => jumpPodUsers(plans(), pod, clusterFor), clock, log, report });
    const timeoutsFor = (profile: string): Plan => this.#planOf(profile);
    this.#tunnels = rooms.tunnels({
      clusterFor,
      jumpPods: this.#jumpPods,
      timeoutsFor,
      isNamed: (key) => this.#named.has(key),
      routesTo: (key) => this.#routeNames.get(key) ?? [],
      clock,
      log,
      report,
    });
    this.#remembered = new Remembered(options.directory);
    this.#headroom = ownHeadroom(clock, report);
    const dial: Dialer["dial"] = (target, signal) =>
      this.#headroom.opening(async () => {
        await rooms.prepare();
        return await (isDerived(target) ? this.#derived.dial(target, signal) : this.#tunnels.dial(target, signal));
      });
    this.#derived = new DerivedTargets({
      clusterFor,
      dial: (target, signal) => this.#tunnels.dial(target, signal),
      clock,
    });
    const appProtocol: Dialer["appProtocol"] = (target) => this.#tunnels.appProtocol?.(target);
    const context: DoorContext = {
      dialer: { dial, appProtocol },
      counters: this.#counters,
      requests: this.#requests,
      clock,
      log,
      report,
      checkOwner,
      refusal: () => this.#headroom.refusal(),
      profiles: () => this.snapshot().profiles,
      whyWaiting: (target) => problemOf(this.#tunnels.status(target)?.standing)?.message,
    };
    this.#frontDoor = new FrontDoor(context);
    this.#tcpDoor = new TcpDoor(context);
    const doors = {
      openHttp: this.#frontDoor.listen.bind(this.#frontDoor),
      openTcp: this.#tcpDoor.listen.bind(this.#tcpDoor),
    };
    this.#listeners = new Listeners({ doors, clock, report, holderOf: portHolding });
  }

  /** Starts the user's hub; undefined where another process is it. Throws KtError `hub-failed`. */
  static async start(options: HubOptions): Promise<Hub | undefined> {
    const place = await HubPlace.take(options.directory);
    if (!place) return undefined;
    const hub = new Hub(options, await jumpPodHolder(options.directory));
    await hub.#open(place);
    return hub;
  }

  /** Attaches a profile that stays until `down`, or until the hub ends. */
  async pin(request: Omit<AttachRequest, "pin">): Promise<void> {
    await this.#profiles.attach({ ...request, pin: true }, undefined);
  }

  snapshot(): Snapshot {
    return {
      hub: { ...this.#hello, startedAtMs: this.#startedAtMs, problem: sent(this.#headroom.problem) },
      profiles: profileStates({
        profiles: this.#profiles.list(),
        wanted: this.#listeners.wanted,
        listener: (address) => this.#listeners.state(address),
        tunnel: (target) => this.#tunnels.status(target),
        contexts: this.#contexts,
        contextOf: (ref) => ref.context ?? this.#clusters.contextOf(ref) ?? this.#contexts.current(ref.profile),
        counters: this.#counters,
      }),
    };
  }

  /**
   * Stops accepting, gives open connections `drainMs`, and frees everything. Called again it shortens the wait. The place of
   * the user's hub is given up before the wait, so that a new one need not share it.
   */
  async stop(drainMs: number): Promise<void> {
    this.#cancelLinger();
    await this.#place.close();
    await Promise.all([this.#frontDoor.drain(drainMs), this.#tcpDoor.drain(drainMs)]);
    await this.#scope.close();
  }

  async #open(place: HubPlace): Promise<void> {
    const service = new Service({
      hello: this.#hello,
      profiles: this.#profiles,
      journal: this.#journal,
      requests: this.#requests,
      clock: this.#clock,
      snapshot: () => this.snapshot(),
      settled: () => this.#settled(),
      explain: (subject) => this.#explain(subject),
      prepare: async (target, signal) => {
        await this.#options.rooms.prepare();
        await this.#tunnels.prepare(target, signal);
      },
      stop: () => this.#stopAsked.resolve(),
    });
    this.#place.add(() => place.release());
    this.#place.add(() => this.#listeners.close());
    this.#place.add(() => place.leave());
    if (this.#options.lingers) this.#place.add(() => this.#remembered.keep([]));
    await place.open((path) => new ControlServer({ path, hello: this.#hello, handle: service.handle.bind(service) }));
    place.watch({
      clock: this.#clock,
      onRestored: () => this.#restored(),
      onLost: (why, isTaken) => this.#lostPlace(why, isTaken),
    });
    this.#place.add(() => this.#report({ type: "hub", change: "stopping", detail: undefined }));
    this.#scope.add(() => this.#clusters.close());
    this.#scope.add(() => this.#contexts.close());
    this.#scope.add(() => this.#headroom.close());
    this.#scope.add(() => this.#jumpPods.close());
    this.#scope.add(() => this.#tunnels.close());
    this.#scope.add(() => this.#derived.close());
    this.#scope.add(watchSleep(this.#clock, (sleptMs) => this.#woke(sleptMs)));
    this.#scope.add(() => this.#profiles.close());
    this.#report({ type: "hub", change: "started", detail: `version ${this.#options.version}, pid ${process.pid}` });
    this.#lingerIfUnused();
  }

  #restored(): void {
    this.#report({ type: "hub", change: "restored", detail: this.#options.directory });
    if (this.#options.lingers) void this.#remembered.keepAgain();
  }

  /** A hub that no command finds must not go on holding its ports, unless there are clients that still have it. */
  #lostPlace(why: KtError, isTaken: boolean): void {
    const isHeld = !this.#options.lingers || this.#profiles.list().some(({ leases }) => leases.size > 0);
    this.#options.log("warn", "hub-lost", { text: why.message });
    if (isTaken) this.#remembered.leave();
    if (isTaken || !isHeld) this.#stopAsked.resolve();
  }

  #report(reported: KtEvent): void {
    const event = boundedEvent(reported);
    this.#journal.add(event);
    logEvent(this.#options.log, event);
  }

  /** When the latest change has been carried out as far as it can be, and what it lacks is known. */
  async #settled(): Promise<void> {
    await this.#options.rooms.prepare();
    this.#contexts.apply(this.#profiles.list());
    await this.#remember();
    await this.#listeners.settled();
  }

  /** A hub in the foreground is told its profiles again by whoever starts it. */
  async #remember(): Promise<void> {
    if (!this.#options.lingers) return;
    const pinned = this.#profiles.list().filter((each) => each.pinned);
    await this.#remembered.keep(pinned.map(({ plan }) => plan.profile));
  }

  #reconcile(): void {
    const plans = this.#profiles.list().map(({ plan }) => plan);
    this.#routeNames = routeNames(plans);
    this.#listeners.apply(wantedBy(plans, this.#listeners.wanted));
    const profiles = new Set(plans.map(({ profile }) => profile));
    for (const profile of this.#views.keys()) if (!profiles.has(profile)) this.#counters.forget(profile);
    this.#retainTunnels(namedTargets(plans), profiles);
    this.#jumpPods.retain();
    this.#clusters.retain(profiles);
    this.#lingerIfUnused();
    // Soon somebody connects; but first the listening itself is to be told.
    this.#clock.after(daemonLimits.prepareDelayMs, () => void this.#settled().catch(() => {}));
  }

  /** Patterns and dynamic names may reach anything: only what a route that went had named is unwanted, and what has no profile. */
  #retainTunnels(named: Set<string>, profiles: ReadonlySet<string>): void {
    const dropped = this.#named.difference(named);
    const before = this.#views;
    this.#named = named;
    this.#views = new Map([...profiles].map((profile) => [profile, this.#viewOf(profile)]));
    this.#tunnels.retain((target) => {
      const { profile } = target.cluster;
      return profiles.has(profile) && !dropped.has(targetKey(target)) && !this.#isOutdated(target, before.get(profile));
    });
  }

  /** The tunnel would be another now: with another kubeconfig it leads elsewhere; for other credentials alone nothing open is cut. */
  #isOutdated(target: Target, before: ClusterView | undefined): boolean {
    const now = this.#views.get(target.cluster.profile);
    if (!before || !now || viewKey(before) === viewKey(now)) return false;
    return !deepEquals(before.kubeconfig, now.kubeconfig) || this.#tunnels.status(target)?.openConnections === 0;
  }

  #lingerIfUnused(): void {
    this.#cancelLinger();
    if (!this.#options.lingers || this.#profiles.list().length > 0) return;
    this.#cancelLinger = this.#clock.after(daemonLimits.hubLingerMs, () => this.#stopAsked.resolve());
  }

  #woke(sleptMs: number): void {
    this.#report({ type: "hub", change: "woke", detail: `after about ${Math.round(sleptMs / 1000)} s` });
    this.#tunnels.wake();
  }

  #planOf(profile: string) {
    const attached = this.#profiles.get(profile);
    if (!attached) throw new KtError("shutting-down", `profile "${profile}" is not attached any more`);
    return attached.plan;
  }

  #viewOf(profile: string): ClusterView {
    const { kubeconfig, strangers } = this.#planOf(profile);
    return { kubeconfig, strangers, environment: this.#profiles.get(profile)?.environment ?? {} };
  }

  async #explain(subject: string) {
    await this.#options.rooms.prepare();
    return await explain(subject, {
      wanted: this.#listeners.wanted,
      clusterFor: (ref) => this.#clusters.for(ref),
      podOf: (target) => podOf(this.#tunnels.status(target)),
      clock: this.#clock,
    });
  }
}

function podOf(status: TunnelStatus | undefined): string | undefined {
  return status?.standing.state === "running" ? status.standing.pod : undefined;
}
