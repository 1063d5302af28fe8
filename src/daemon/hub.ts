/** The hub: wires the rooms, keeps one per user, and says when it ends. */

import type { FindingStatus, HubStatus, Snapshot, Step } from "#control/api.ts";
import { protocolVersion } from "#control/api.ts";
import { ControlServer } from "#control/server.ts";
import { type Clock, systemClock } from "#base/clock.ts";
import { KtError, messageOf } from "#base/errors.ts";
import { daemonLimits } from "./limits.ts";
import type { Log } from "#base/log.ts";
import { Scope } from "#base/scope.ts";
import { logEvent } from "#observe/describe.ts";
import { boundedEvent, type KtEvent } from "#observe/events.ts";
import { Journal } from "#observe/journal.ts";
import { RequestLog } from "#observe/request-log.ts";
import { AddressKeeper } from "#host/address-keeper.ts";
import { firstFreePort } from "#native/low-ports.ts";
import { loopbackListeners, loopbackSockets } from "#native/loopback-listeners.ts";
import { ownLoopback } from "#native/network-addresses.ts";
import { Forwards } from "#daemon/plans/forwards.ts";
import type { NameServer } from "#dns/upstream/exchange.ts";
import { listenTcp } from "#net/tcp.ts";
import type { ListenAddress, Plan } from "#profile/values/plan.ts";
import type { DoorContext } from "#proxy/door/context.ts";
import { ReverseDoor } from "#proxy/reverse-door.ts";
import type { JumpPodHolder } from "#tunnel/jump-pod/manifest.ts";
import type { TunnelStatus } from "#tunnel/tunnel.ts";
import type { ClusterView } from "#daemon/plans/clusters.ts";
import { ContextWatch } from "#daemon/plans/contexts.ts";
import { type ExplainedReverse, findReverse } from "#daemon/status/explain-reverse.ts";
import { doorsOf, type HubDoors } from "./doors.ts";
import { DnsNamesOfHub, systemNameServers } from "./dns-names.ts";
import { NamesFeed } from "#daemon/status/names.ts";
import { Engine } from "./engine.ts";
import { jumpPodHolder } from "./jump-pods.ts";
import { Linger } from "./linger.ts";
import { MachineNames, type NamesHelper } from "./machine-names.ts";
import { type ReadWiring, WiredDns } from "./wired-dns.ts";
import { Listening } from "#daemon/listening/listening.ts";
import { HubIdentity } from "#daemon/process/hub-identity.ts";
import { portHolding } from "#daemon/listening/port-holding.ts";
import { formatListen } from "#profile/values/listen.ts";
import { checkOwner } from "./owner-check.ts";
import { type KnownFacts, OwnPages, tokenPath } from "./own-pages.ts";
import type { Part } from "./part.ts";
import { processFacts } from "#daemon/process/process-facts.ts";
import { type AttachedProfile, type AttachRequest, Profiles } from "#daemon/plans/profiles.ts";
import type { Providers } from "./providers.ts";
import { removeTargetProfile, writeTargetProfile } from "#daemon/plans/target-profile.ts";
import { Proxied } from "#daemon/proxied/proxied.ts";
import { Reverses } from "#daemon/plans/reverses.ts";
import { Remembered } from "#daemon/plans/remembered.ts";
import { HubRequests } from "./requests.ts";
import { RouteActions } from "./route-actions.ts";
import { StatusBoard } from "#daemon/status/board.ts";
import { StatusFeed } from "#daemon/status/feed.ts";
import { sent } from "#daemon/status/sent.ts";

export interface HubOptions {
  /** The private directory for the socket and the lock. */
  readonly directory: string;
  /** For what is kept from one hub to the next; default: the other one. */
  readonly stateDirectory?: string;
  readonly version: string;
  readonly commit: string;
  readonly log: Log;
  /** Each request goes to the log as well. */
  readonly logsRequests?: boolean;
  /** Ends by itself after its last profile. */
  readonly lingers: boolean;
  readonly providers: Providers;
  /** What gives names to the whole machine. */
  readonly namesHelper?: NamesHelper;
  /** Where this machine's resolver asks for names. */
  readonly wiring?: ReadWiring;
  /** Who is asked for the names of others, in this order; default: the name servers of this machine. */
  readonly nameServers?: () => readonly NameServer[];
  /** Who signs for names that kt speaks TLS for. */
  readonly authority?: DoorContext["authority"];
  readonly clock?: Clock;
  readonly diagnose?: Diagnose;
}

/** What kt doctor says of a profile; without a file, of the machine and the kubeconfig alone. */
export type Diagnose = (file: string | undefined, environment: Readonly<Record<string, string>>) => Promise<readonly FindingStatus[]>;

/** It has 21 fields since each part that another is made from is one. */
export class Hub {
  readonly #options: HubOptions;
  readonly #facts: KnownFacts;
  readonly #pages: OwnPages;
  readonly #journal: Journal;
  readonly #requests: RequestLog;
  readonly #profiles: Profiles;
  readonly #contexts: ContextWatch;
  readonly #remembered: Remembered;
  readonly #linger: Linger;
  readonly #engine: Engine<HubDoors>;
  readonly #listening: Listening;
  readonly #forwards: Forwards;
  readonly #reverses: Reverses;
  readonly #board: StatusBoard;
  readonly #names: NamesFeed;
  readonly #dnsNames: DnsNamesOfHub;
  readonly #proxied: Proxied;
  readonly #parts: readonly Part[];
  /** The lock, the socket and the listeners: what no two hubs can have. */
  readonly #exclusive = new Scope();
  readonly #scope = new Scope();
  readonly #stopAsked = Promise.withResolvers<void>();

  private constructor(options: HubOptions, { holder, identity, addresses }: Beginning) {
    const { providers, log, authority, clock = systemClock } = options;
    this.#options = options;
    this.#journal = new Journal(clock);
    this.#requests = new RequestLog(clock);
    this.#facts = this.#factsOf(options, clock.wallMs());
    this.#pages = new OwnPages(this.#facts, clock);
    if (options.logsRequests === true) this.#requests.follow(({ event }) => logEvent(log, event));
    const report = (event: KtEvent): void => this.#report(event);
    this.#profiles = new Profiles({ load: providers.load, clock, report, onChange: () => this.#apply() });
    this.#contexts = this.#contextsOf(options);
    this.#remembered = new Remembered(options.directory);
    this.#linger = new Linger(clock, () => this.#stopAsked.resolve());
    this.#dnsNames = this.#dnsNamesOf();
    this.#proxied = this.#proxiedOf();
    const names = () => this.#dnsNames.current();
    this.#engine = new Engine({
      providers,
      doors: (context) =>
        doorsOf(context, {
          dns: { names, servers: options.nameServers ?? systemNameServers() },
          askedNames: (profiles) => this.#proxied.names.of(profiles),
        }),
      proxied: (target, signal) => this.#proxied.dial(target, signal),
      viewOf: (profile) => this.#attached(profile).view,
      timeoutsFor: (profile) => this.#attached(profile).plan,
      limitsFor: (profile) => this.#profiles.get(profile)?.plan.limits,
      jumpPodHolder: holder,
      relayFor: (profile) => this.#attached(profile).plan.relay,
      checksHealth: true,
      clock,
      log,
      report,
      onWake: (sleptMs) => this.#woke(sleptMs),
      onTunnelChange: (key) => this.#board.tunnelChanged(key),
      ownPages: () => this.#pages.open(),
      door: { requests: this.#requests, profiles: () => this.#board.profiles(), checkOwner, ...(authority && { authority }) },
    });
    this.#listening = new Listening({ doors: this.#engine.doors, clock, report, holderOf: portHolding });
    this.#forwards = this.#forwardsOf(options, addresses);
    this.#reverses = this.#reversesOf(options, holder);
    this.#board = this.#boardOf(this.#listening);
    this.#names = new NamesFeed(
      (profile) => this.#profiles.get(profile)?.plan,
      (profile) => this.#forwards.state(profile).all.names,
    );
    this.#names.watch(() => this.#dnsNames.changed());
    this.#names.watch(() => this.#proxied.changed());
    this.#parts = this.#partsIn(identity);
  }

  /** Starts the user's hub; undefined where another process is it. Throws KtError `hub-failed`. */
  static async start(options: HubOptions): Promise<Hub | undefined> {
    const identity = await HubIdentity.take(options.directory);
    if (!identity) return undefined;
    const [holder, addresses] = await Promise.all([jumpPodHolder(options.directory), openAddresses(options)]);
    const hub = new Hub(options, { holder, identity, addresses });
    await hub.#open(identity);
    return hub;
  }

  /** Resolves when the hub should end: its last profile went long enough ago, or a client asked. */
  get stopAsked(): Promise<void> {
    return this.#stopAsked.promise;
  }

  /** Attaches a profile that stays until `down`, or until the hub ends. */
  async pin(request: Omit<AttachRequest, "pin">): Promise<void> {
    await this.#profiles.attach({ ...request, pin: true }, undefined);
  }

  /** Its metrics alone, without a token, at an address of their own. Throws KtError `port-taken` or `listen-failed`. */
  listenForScrapers({ host, port }: ListenAddress): void {
    const listener = listenTcp({ host, port, accept: (conn) => void this.#pages.serveMetrics(conn) });
    this.#exclusive.add(() => listener.close());
  }

  snapshot(): Snapshot {
    return { hub: this.#status(), profiles: this.#board.profiles() };
  }

  /**
   * Stops accepting, gives open connections `drainMs`, and frees everything. Called again it shortens the wait. The identity
   * of the user's hub is given up before the wait, so that a new hub can start meanwhile.
   */
  async stop(drainMs: number): Promise<void> {
    await this.#exclusive.close();
    await Promise.all([this.#engine.drain(drainMs), this.#reverses.drain(drainMs)]);
    await this.#scope.close();
  }

  #status(): HubStatus {
    const { hello, startedAtMs } = this.#facts;
    const problem = this.#parts.map((part) => part.status?.()).find((each) => each !== undefined);
    return { ...hello, startedAtMs, problem: sent(problem) };
  }

  #factsOf({ directory, version, commit, diagnose }: HubOptions, startedAtMs: number): KnownFacts {
    return {
      hello: { protocol: protocolVersion, version, commit, pid: process.pid },
      startedAtMs,
      tokenFile: tokenPath(directory),
      environment: process.env,
      journal: this.#journal,
      requests: this.#requests,
      snapshot: () => this.snapshot(),
      targets: () => this.#engine.targets(),
      counters: (profile, route) => this.#engine.counters.get(profile, route),
      process: processFacts,
      targetProfiles: {
        write: (wanted) => writeTargetProfile(directory, wanted),
        remove: (profile) => removeTargetProfile(directory, profile),
      },
      diagnose: async (profile) => await this.#diagnose(profile, diagnose),
      proxies: () => this.#proxied.facts(this.#listening.wanted, (address) => this.#listening.state(address).port !== undefined),
    };
  }

  /** Plugins get the environment of who attached the profile. */
  async #diagnose(profile: string | undefined, diagnose: Diagnose | undefined): Promise<readonly FindingStatus[]> {
    if (!diagnose) throw new KtError("hub-failed", "this hub does not diagnose", { hints: ["kt doctor"] });
    const attached = this.#profiles.list();
    if (profile === undefined && attached.length > 1) {
      const hints = plansOf(attached).map((plan) => `profile: "${plan.profile}"`);
      throw new KtError("request-invalid", "several profiles are attached: say which", { hints });
    }
    const file = profile ?? attached[0]?.plan.profile;
    const environment = attached.find(({ plan }) => plan.profile === file)?.environment ?? ownEnvironment();
    return await diagnose(file, environment);
  }

  get #clock(): Clock {
    return this.#options.clock ?? systemClock;
  }

  #contextsOf({ providers, log }: HubOptions): ContextWatch {
    return new ContextWatch({
      check: providers.checkContext,
      clock: this.#clock,
      onProblem: (profile, { message }) => log("warn", "context", { text: `profile "${profile}": ${message}` }),
      onLook: (profile) => {
        this.#board.profileChanged(profile);
        this.#proxied.changed();
      },
    });
  }

  #forwardsOf({ providers }: HubOptions, addresses: AddressKeeper): Forwards {
    return new Forwards({
      prepare: providers.prepare,
      clusterFor: (ref) => this.#engine.clusterFor(ref),
      addresses,
      firstFreePort,
      sockets: loopbackSockets,
      clock: this.#clock,
      report: (event) => this.#report(event),
      onGone: (profile, route) => this.#engine.counters.forgetRoute(profile, route),
      onChange: () => this.#discovered(),
    });
  }

  #reversesOf({ providers, log }: HubOptions, holder: JumpPodHolder): Reverses {
    const { counters } = this.#engine;
    const report = (event: KtEvent): void => this.#report(event);
    return new Reverses({
      prepare: providers.prepare,
      clusterFor: (ref) => this.#engine.clusterFor(ref),
      holder,
      door: new ReverseDoor({ counters, clock: this.#clock, report, refusal: () => this.#engine.refusal() }),
      clock: this.#clock,
      log,
      report,
      onChange: (key) => this.#board.tunnelChanged(key),
    });
  }

  #dnsNamesOf(): DnsNamesOfHub {
    return new DnsNamesOfHub({
      profiles: () => this.#profiles.list(),
      wanted: () => this.#listening.wanted,
      listener: (address) => this.#listening.state(address),
      forwards: (profile) => this.#forwards.state(profile),
    });
  }

  #proxiedOf(): Proxied {
    return new Proxied({
      profiles: () => this.#profiles.list(),
      forwards: (profile) => this.#forwards.state(profile),
      clusterFor: (ref) => this.#engine.clusterFor(ref),
      dial: (target, signal) => this.#engine.dialCluster(target, signal),
      clock: this.#clock,
    });
  }

  #boardOf(listening: Listening): StatusBoard {
    return new StatusBoard({
      profiles: () => this.#profiles.list(),
      wanted: () => listening.wanted,
      listener: (address) => listening.state(address),
      tunnel: (target) => this.#engine.tunnel(target),
      isStopped: (target) => this.#engine.isStopped(target),
      contexts: this.#contexts,
      contextOf: (ref) => ref.context ?? this.#engine.contextOf(ref) ?? this.#contexts.current(ref.profile),
      counters: this.#engine.counters,
      nowSeconds: () => this.#engine.rates.nowSeconds,
      hub: () => this.#status(),
      forwards: (profile) => this.#forwards.state(profile),
      asked: (profile, authority) => this.#proxied.names.find(profile, authority),
      reverse: (profile, reverse) => this.#reverses.standing(profile, reverse),
    });
  }

  /** What follows the attached profiles, in the order of applying; released and closed in reverse. */
  #partsIn(identity: HubIdentity): readonly Part[] {
    const { providers, lingers, namesHelper, wiring, log } = this.#options;
    const listening: Part = {
      apply: () => this.#listening.apply(plansOf(this.#profiles.list())),
      settle: () => this.#listening.settled(),
      release: () => this.#listening.close(),
    };
    const contexts: Part = {
      settle: async () => {
        await providers.prepare();
        this.#contexts.apply(this.#profiles.list());
      },
      close: () => this.#contexts.close(),
    };
    // A hub in the foreground gets its profiles from its command line.
    const remembered: Part = {
      settle: () => this.#remembered.keep(plansOf(this.#profiles.list().filter(({ pinned }) => pinned)).map(({ profile }) => profile)),
      release: () => this.#remembered.keep([]),
    };
    return [
      this.#pages,
      listening,
      { release: () => identity.leave() },
      this.#engine,
      this.#forwards,
      this.#reverses,
      this.#board,
      this.#names,
      this.#proxied,
      ...(wiring === undefined ? [] : [this.#wiredDns(wiring)]),
      ...(namesHelper === undefined ? [] : [this.#machineNames(new MachineNames({ ...namesHelper, clock: this.#clock, log }))]),
      contexts,
      ...(lingers ? [remembered, this.#linger] : []),
    ];
  }

  #wiredDns(read: ReadWiring): Part {
    return new WiredDns({ read, clock: this.#clock, onChange: (addresses) => this.#listening.answerAt(addresses) });
  }

  #machineNames(machine: MachineNames): Part {
    this.#names.watch(() => machine.want(plansOf(this.#profiles.list()).flatMap(({ profile }) => this.#names.of(profile) ?? [])));
    return machine;
  }

  async #open(identity: HubIdentity): Promise<void> {
    const requests = new HubRequests({
      hello: this.#facts.hello,
      profiles: this.#profiles,
      journal: this.#journal,
      requests: this.#requests,
      board: this.#board,
      feed: new StatusFeed(this.#board, this.#clock),
      names: this.#names,
      dns: () => this.#dnsNames.facts(),
      settled: () => this.#settle(),
      explain: (subject) => this.#explain(subject),
      prepare: async (target, signal) => void (await this.#engine.prepare(target, signal)),
      rates: this.#engine.rates,
      actions: new RouteActions({
        targetOf: (profile, route) => this.#board.target(profile, route),
        reverses: this.#reverses,
        clusterFor: (ref) => this.#engine.clusterFor(ref),
        engine: this.#engine,
        ready: () => this.#options.providers.prepare(),
      }),
      signInCode: () => this.#pages.signInCode(),
      frontDoorPort: () => this.#frontDoorPort(),
      clock: this.#clock,
      metrics: (format) => this.#pages.metrics(format),
      stop: () => this.#stopAsked.resolve(),
    });
    this.#pages.handle = requests.handle.bind(requests);
    await this.#pages.keepToken();
    this.#exclusive.add(() => identity.release());
    for (const part of this.#parts) {
      this.#exclusive.add(() => part.release?.());
      this.#scope.add(() => part.close?.());
    }
    await identity.open((path) => new ControlServer({ path, hello: this.#facts.hello, handle: requests.handle.bind(requests) }));
    identity.watch({
      clock: this.#clock,
      onRestored: () => this.#restored(),
      onLost: (why, isTaken) => this.#lostIdentity(why, isTaken),
    });
    this.#exclusive.add(() => this.#report({ type: "hub", change: "stopping", detail: undefined }));
    this.#scope.add(() => this.#profiles.close());
    this.#report({ type: "hub", change: "started", detail: `version ${this.#options.version}, pid ${process.pid}` });
    if (this.#options.lingers) this.#linger.apply([]);
  }

  /** kt's own pages are behind each of them. */
  #frontDoorPort(): number | undefined {
    const addresses = this.#profiles.list().flatMap(({ plan }) => plan.http.listen.map(formatListen));
    return addresses.map((address) => this.#listening.state(address).port).find((port) => port !== undefined);
  }

  #woke(sleptMs: number): void {
    this.#report({ type: "hub", change: "woke", detail: `after about ${Math.round(sleptMs / 1000)} s` });
    this.#reverses.wake();
  }

  #restored(): void {
    this.#report({ type: "hub", change: "restored", detail: this.#options.directory });
    void this.#pages.keepToken().catch(() => {});
    if (this.#options.lingers) void this.#remembered.keepAgain();
  }

  /** A hub that no command finds must not go on holding its ports, unless there are clients that still have it. */
  #lostIdentity(why: KtError, isTaken: boolean): void {
    const isHeld = !this.#options.lingers || this.#profiles.list().some(({ leases }) => leases.size > 0);
    this.#options.log("warn", "hub-lost", { text: why.message });
    if (isTaken) this.#remembered.leave();
    if (isTaken || !isHeld) this.#stopAsked.resolve();
  }

  #report(reported: KtEvent): void {
    const event = boundedEvent(reported);
    this.#journal.add(event);
    this.#board.noteEvent(event);
    logEvent(this.#options.log, event);
  }

  #discovered(): void {
    this.#listening.discover(this.#forwards.ports());
    this.#forwards.leaveTaken((socket) => this.#listening.isTaken(socket));
    const attached = this.#attachedNow();
    for (const part of [this.#engine, this.#board, this.#names]) part.apply(attached);
  }

  /** With what their [[forward]]s have found. */
  #attachedNow(): readonly AttachedProfile[] {
    return this.#profiles.list().map((each) => this.#forwards.extended(each));
  }

  #apply(): void {
    const attached = this.#attachedNow();
    for (const part of this.#parts) part.apply?.(attached);
    // The first connection follows soon, but reporting the open addresses comes first.
    this.#clock.after(daemonLimits.prepareDelayMs, () => void this.#settle().catch(() => {}));
  }

  /** Resolves when the latest change has been carried out as far as it can be, and what is wrong is known. */
  async #settle(): Promise<void> {
    await Promise.all(this.#parts.map((part) => part.settle?.()));
  }

  #attached(profile: string): { readonly plan: Plan; readonly view: ClusterView } {
    const attached = this.#profiles.get(profile);
    if (!attached) throw new KtError("shutting-down", `profile "${profile}" is not attached any more`);
    const { plan, environment } = attached;
    return { plan, view: { kubeconfig: plan.kubeconfig, strangers: plan.strangers, environment } };
  }

  #reverseOf(subject: string): ExplainedReverse | undefined {
    for (const plan of plansOf(this.#profiles.list())) {
      const planned = findReverse(plan, subject);
      if (planned) return { planned, standing: this.#reverses.standing(plan.profile, planned) };
    }
    return undefined;
  }

  async #explain(subject: string): Promise<Step[]> {
    await this.#options.providers.prepare();
    const { explain } = await import("#daemon/status/explain.ts");
    return await explain(subject, {
      wanted: this.#listening.wanted,
      clusterFor: (ref) => this.#engine.clusterFor(ref),
      podOf: (target) => podOf(this.#engine.tunnel(target)),
      mismatchOf: ({ profile, route }) => this.#engine.counters.get(profile, route)?.mismatch,
      forwardOf: (hostname) => this.#forwards.find(hostname),
      proxied: (authority) => this.#proxied.explained(authority, this.#listening.wanted),
      reverseOf: (text) => this.#reverseOf(text),
      settingsOf: (profile) => this.#profiles.get(profile)?.settings ?? [],
      clock: this.#clock,
    });
  }
}

/** What a hub begins with. */
interface Beginning {
  readonly holder: JumpPodHolder;
  readonly identity: HubIdentity;
  readonly addresses: AddressKeeper;
}

function openAddresses({ directory, stateDirectory = directory, log, clock = systemClock }: HubOptions): Promise<AddressKeeper> {
  const path = `${stateDirectory}/addresses.json`;
  const onUnwritable = (error: unknown): void => log("warn", "addresses", { text: `write "${path}": ${messageOf(error)}` });
  return AddressKeeper.open({ path, clock, listeners: loopbackListeners, own: ownLoopback, onUnwritable });
}

function ownEnvironment(): Record<string, string> {
  return Object.fromEntries(Object.entries(process.env).map(([name, value = ""]) => [name, value]));
}

function plansOf(attached: readonly AttachedProfile[]): Plan[] {
  return attached.map(({ plan }) => plan);
}

function podOf(status: TunnelStatus | undefined): string | undefined {
  return status?.standing.state === "running" ? status.standing.pod : undefined;
}
