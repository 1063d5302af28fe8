/** What the status says of one plan: its head and each of its routes, read from what runs. */

import { formatListen } from "#profile/values/listen.ts";
import { command } from "#base/shell.ts";
import type { HubStatus, ProfileHead, RouteStatus } from "#control/api.ts";
import type { CounterTable, RouteCounters } from "#observe/counters.ts";
import { type Problem, toProblem } from "#observe/events.ts";
import type { ListenAddress, Plan, PlannedPattern, PlannedPort, PlannedReverse, PlannedRoute } from "#profile/values/plan.ts";
import { type ClusterRef, formatPodSource, formatTarget, isInCluster, type Target } from "#route/target.ts";
import type { TargetTemplate } from "#route/template.ts";
import type { Found } from "#route/lookup.ts";
import { hasRelay, noRelay } from "#tunnel/relay/has-relay.ts";
import type { Standing } from "#tunnel/standing.ts";
import type { TunnelStatus } from "#tunnel/tunnel.ts";
import type { ContextWatch } from "#daemon/plans/contexts.ts";
import { exposuresOf, exposureText } from "#daemon/listening/exposed.ts";
import type { ListenerState } from "#daemon/listening/listeners.ts";
import type { ReverseStanding } from "#daemon/plans/reverse-outcomes.ts";
import type { AttachedProfile } from "#daemon/plans/profiles.ts";
import { type Clash, tableAt, type Wanted } from "#daemon/listening/wanted.ts";
import type { ForwardsState } from "#daemon/plans/opened-forwards.ts";
import { namespaceStates } from "./namespaces.ts";
import { type SentProblem, sent } from "./sent.ts";
import { addressOf, clientScheme, urlOf } from "./urls.ts";

/** What the status is read from. */
export interface Running {
  /** In the order of their attaching. */
  readonly profiles: () => readonly AttachedProfile[];
  readonly wanted: () => Wanted;
  readonly listener: (address: string) => ListenerState;
  readonly tunnel: (target: Target) => TunnelStatus | undefined;
  /** The user has stopped it. */
  readonly isStopped: (target: Target) => boolean;
  readonly contexts: Pick<ContextWatch, "of" | "all">;
  /** The context that a reference without one leads to, where that is known. */
  readonly contextOf: (ref: ClusterRef) => string | undefined;
  readonly counters: CounterTable;
  /** Of the clock that rates are by. */
  readonly nowSeconds: () => number;
  readonly hub: () => HubStatus;
  /** How a [[reverse]] of a profile stands. */
  readonly reverse: (profile: string, reverse: PlannedReverse) => ReverseStanding;
  /** What the profile's [[forward]]s have found. */
  readonly forwards: (profile: string) => ForwardsState;
  /** What a client of the profile's proxy reaches by a host and port. Absent where there are no proxies. */
  readonly asked?: (profile: string, authority: string) => Found | undefined;
}

type Counts = Pick<
  RouteStatus,
  | "openConnections"
  | "totalConnections"
  | "failures"
  | "requests"
  | "retries"
  | "responses"
  | "receivedBytes"
  | "sentBytes"
  | "perSecond"
  | "lastProblem"
>;
type Shown = Pick<RouteStatus, "state" | "pod" | "pods" | "problem"> & Counts;

/** How the addresses stand that all routes of [http] share. */
interface Doors {
  readonly blocked: SentProblem | undefined;
  /** The port that URLs show: of the first address that is open. */
  readonly port: number;
}

export class PlanView {
  readonly #running: Running;
  /** The plan's own, by what they are about. */
  #clashes: { readonly of: Wanted; readonly byRoute: ReadonlyMap<string, Clash> } | undefined;
  readonly plan: Plan;
  #doors: Doors | undefined;
  #current: { readonly context: string | undefined } | undefined;

  /** `plan` may have more routes than the profile writes down. */
  constructor(running: Running, plan: Plan) {
    this.#running = running;
    this.plan = plan;
  }

  /** Some address was opened, or could not be. */
  listenersChanged(): void {
    this.#doors = undefined;
  }

  /** Whether the context is another one than was shown; then every route's is. */
  contextChanged(): boolean {
    const before = this.#current;
    this.#current = undefined;
    return before !== undefined && before.context !== this.#context();
  }

  /** Why contexts of the plan cannot be used; routes that have such a reason say so. */
  get contextProblems(): readonly Problem[] {
    return this.#running.contexts.all(this.plan.profile);
  }

  /** The network reaches it, at addresses that come and go. */
  get isExposed(): boolean {
    return this.plan.expose;
  }

  /** `shownProblems`: the messages that stand at routes. */
  head(shownProblems: ReadonlySet<string>): ProfileHead {
    const { plan } = this;
    // As it is now: clients come and go, and the file may be broken since.
    const attached = this.#running.profiles().find((each) => each.plan.profile === plan.profile);
    const { pinned = false, leases, problem, warnings = [], settings = [] } = attached ?? {};
    const exposures = exposuresOf(plan);
    const unsaid = this.contextProblems.map(({ message }) => message).filter((message) => !shownProblems.has(message));
    return {
      profile: plan.profile,
      name: plan.name,
      context: plan.context ?? this.#context(),
      pinned,
      clients: leases?.size ?? 0,
      listeners: this.#listeners(new Map(exposures.map(({ address, reachableAt }) => [address, [...reachableAt]]))),
      ...(plan.forwards.length === 0 ? {} : { namespaces: namespaceStates(this.#running.forwards(plan.profile)) }),
      problem: sent(problem),
      warnings: [...warnings, ...exposures.map(exposureText), ...unsaid],
      ...(settings.length === 0 ? {} : { settings: [...settings] }),
    };
  }

  #listeners(reachableAt: ReadonlyMap<string, string[]>): ProfileHead["listeners"] {
    // Those of a namespace are hundreds, and each is a route that says how it stands.
    const written = this.plan.listeners.filter((each) => each.kind !== "port" || each.forwarded === undefined);
    const addresses = written.flatMap(({ listen }) => listen).map(formatListen);
    return [...new Set(addresses)].map((address) => {
      const { port, problem, isOptional } = this.#running.listener(address);
      const clash = this.#clash("listener", address);
      const state = {
        address,
        open: port !== undefined && clash === undefined,
        problem: clash ?? (isOptional ? undefined : sent(problem)),
      };
      const places = reachableAt.get(address);
      return places === undefined ? state : { ...state, reachableAt: places };
    });
  }

  http(route: PlannedRoute): RouteStatus {
    const { name, host, target, address } = route;
    const { blocked: shared, port } = this.#httpDoors();
    const blocked = this.#clash("host", name) ?? shared ?? (address && this.#blocked([address]));
    const url = urlOf(host, clientScheme(route), port);
    const where = { address: address && formatListen(address), ...this.#where(target) };
    return { kind: "http", name, url, ...where, ...this.#standing(target, name, blocked) };
  }

  port({ name, listen, target, forwarded }: PlannedPort): RouteStatus {
    const blocked = this.#clash("port", name) ?? this.#blocked(listen);
    const url = addressOf(listen, this.#openPort(listen));
    const route = { name, url, ...this.#where(target), ...this.#standing(target, name, blocked) };
    if (!forwarded) return { kind: target.transport ?? "tcp", ...route };
    const { cluster: _, ...place } = forwarded;
    return { kind: "forward", ...route, forwarded: place };
  }

  /** A pattern has no tunnel of its own: it is in use while connections through it are open. */
  pattern({ name, target, scheme = "http", tls }: PlannedPattern): RouteStatus {
    const { blocked: shared, port } = this.#httpDoors();
    const blocked = this.#clash("pattern", name) ?? shared;
    const counts = this.#counts(name);
    const inUse = counts.openConnections > 0;
    const missing = inUse ? undefined : this.#running.contexts.of(target);
    const state = blocked ? blockedState(blocked) : inUse ? "running" : missing ? "failed" : "idle";
    const url = urlOf(name, clientScheme({ scheme, ...(tls && { tls }) }), port);
    return { kind: "pattern", name, url, target: templateText(target), state, pods: [], problem: blocked ?? sent(missing), ...counts };
  }

  /** Its URL is for those in the cluster, and its target a port of this machine. */
  reverse(planned: PlannedReverse): RouteStatus {
    const { name, service, namespace, port, local, context } = planned;
    const url = `${[service, ...(namespace === undefined ? [] : [namespace])].join(".")}:${port}`;
    const where = { target: local.slice(0, 1).map(formatListen).join(""), context: context ?? this.#context() };
    const standing = this.#running.reverse(this.plan.profile, planned);
    const state = shown(standing);
    const isClaimed = state.problem?.code === "route-conflict";
    return { kind: "reverse", name, url, ...where, ...state, ...(isClaimed && { state: "conflict" }), ...this.#counts(name) };
  }

  /** What a dynamic name leads to; undefined for a name that is none. */
  findDynamic(name: string): Found | undefined {
    return this.#findInTables(name) ?? (isAsked(name) ? this.#running.asked?.(this.plan.profile, name) : undefined);
  }

  /** Undefined where its tunnel does not exist any more, or its counters do not. */
  dynamic(name: string, found: Found): RouteStatus | undefined {
    const { target } = found;
    if (!isInCluster(target) || !this.#running.tunnel(target) || !this.#running.counters.get(this.plan.profile, name)) return undefined;
    const url = isAsked(name) ? this.#urlOfAsked(name, clientScheme(found)) : urlOf(name, clientScheme(found), this.#httpDoors().port);
    return { kind: "dynamic", name, url, ...this.#where(target), ...this.#standing(target, name, undefined) };
  }

  /** Of a name with a port: at the front door that is the port in the URL, for clients of a proxy the one that they ask for. */
  #urlOfAsked(name: string, scheme: Found["scheme"]): string {
    return this.#findInTables(name) ? `${scheme}://${name}` : name;
  }

  #findInTables(name: string): Found | undefined {
    const tables = this.plan.http.listen.map((address) => tableAt(this.#running.wanted(), formatListen(address)));
    const found = tables.find((table) => table !== undefined)?.lookup(name);
    return found?.kind === "found" && found.via === "dynamic" ? found : undefined;
  }

  #httpDoors(): Doors {
    const { listen } = this.plan.http;
    this.#doors ??= { blocked: this.#blocked(listen), port: this.#openPort(listen) ?? listen[0]?.port ?? 0 };
    return this.#doors;
  }

  #openPort(listen: readonly ListenAddress[]): number | undefined {
    return listen.map((address) => this.#running.listener(formatListen(address)).port).find((port) => port !== undefined);
  }

  /** Looked up once for all routes: a profile's environment is long. */
  #context(): string | undefined {
    this.#current ??= { context: this.#running.contextOf({ profile: this.plan.profile, context: undefined }) };
    return this.#current.context;
  }

  #where(target: Target): Pick<RouteStatus, "target" | "context"> {
    return { target: formatTarget(target), context: target.cluster.context ?? this.#context() };
  }

  #standing(target: Target, name: string, blocked: SentProblem | undefined): Shown {
    const counters = this.#running.counters.get(this.plan.profile, name);
    const { lastProblem, ...counts } = countsOf(counters, this.#running.nowSeconds());
    if (blocked) return { state: blockedState(blocked), pod: undefined, pods: [], problem: blocked, ...counts, lastProblem };
    if (this.#running.isStopped(target)) return { state: "stopped", pod: undefined, pods: [], problem: undefined, ...counts, lastProblem };
    const tunnel = this.#running.tunnel(target);
    const standing = this.#standingOf(target, tunnel);
    const mismatch = counters?.mismatch;
    const isMismatched = mismatch && standing.state === "running" && mismatch.sinceMs >= standing.sinceMs;
    const state = isMismatched ? { ...shown(standing), state: "failed" as const, problem: sent(mismatch) } : shown(standing);
    const checked = tunnel?.health && { health: tunnel.health };
    return { ...state, ...counts, ...checked, lastProblem: isOver(lastProblem, standing) ? undefined : lastProblem };
  }

  /** Of a target that is not in use the kubeconfig alone says whether it could be, and of one of UDP also the profile. */
  #standingOf(target: Target, tunnel: TunnelStatus | undefined): Standing {
    const { relay } = this.plan;
    if (target.transport === "udp" && !hasRelay(relay))
      return { state: "failed", problem: { ...toProblem(noRelay("UDP", relay)), sinceMs: 0 }, pods: [] };
    if (tunnel && tunnel.phase !== "idle") return tunnel.standing;
    const problem = this.#running.contexts.of(target.cluster);
    return problem ? { state: "failed", problem, pods: [] } : { state: "idle" };
  }

  #counts(route: string): Counts {
    return countsOf(this.#running.counters.get(this.plan.profile, route), this.#running.nowSeconds());
  }

  /** Blocked where none of the addresses is open, and where another program has one: "localhost" may lead there. */
  #blocked(listen: readonly ListenAddress[]): SentProblem | undefined {
    const problems = listen.map((address) => {
      const key = formatListen(address);
      const { port, problem } = this.#running.listener(key);
      return this.#clash("listener", key) ?? (port === undefined ? sent(problem) : undefined);
    });
    const taken = problems.find((problem) => problem !== undefined && problem.code !== "listen-failed");
    return taken ?? (problems.every((problem) => problem !== undefined) ? problems[0] : undefined);
  }

  #clash(kind: Clash["kind"], route: string): SentProblem | undefined {
    const clash = this.#ownClashes().get(`${kind} ${route}`);
    return clash && clashProblem(clash, this.#running.profiles());
  }

  /** Of thousands of routes each asks several times. */
  #ownClashes(): ReadonlyMap<string, Clash> {
    const wanted = this.#running.wanted();
    if (this.#clashes?.of !== wanted) {
      const own = wanted.clashes.filter(({ profile }) => profile === this.plan.profile);
      this.#clashes = { of: wanted, byRoute: new Map(own.map((clash) => [`${clash.kind} ${clash.route}`, clash])) };
    }
    return this.#clashes.byRoute;
  }
}

/** Of a proxy, which is asked for a port with every host, or of a service by its name in the cluster. */
function isAsked(name: string): boolean {
  return name.includes(":");
}

const unused = {
  openConnections: 0,
  totalConnections: 0,
  failures: 0,
  requests: 0,
  receivedBytes: 0,
  sentBytes: 0,
  lastProblem: undefined,
};

/** Of a route that was never used there are no counters. */
function countsOf(counters: RouteCounters | undefined, nowSeconds: number): Counts {
  if (!counters) return unused;
  const { openConnections, totalConnections, failures, requests, receivedBytes, sentBytes, lastProblem } = counters;
  const counts = {
    ...{ openConnections, totalConnections, failures, requests, receivedBytes, sentBytes },
    responses: counters.responses && responsesOf(counters.responses),
    ...(counters.retries > 0 && { retries: counters.retries }),
    perSecond: counters.perSecond(nowSeconds),
  };
  if (!lastProblem) return { ...counts, lastProblem: undefined };
  const { code, message, hints, atMs } = lastProblem;
  return { ...counts, lastProblem: { code, message, hints: [...hints], atMs } };
}

/** Only what there is of them. */
function responsesOf(classes: Float64Array): NonNullable<RouteStatus["responses"]> {
  const named = [...classes].map((count, at) => [at === 0 ? "none" : `${at}xx`, count] as const);
  return Object.fromEntries(named.filter(([, count]) => count > 0));
}

function shown(standing: ReverseStanding): Pick<RouteStatus, "state" | "pod" | "pods" | "problem"> {
  const { state } = standing;
  const problem = "problem" in standing ? sent(standing.problem) : undefined;
  const pods = "pods" in standing ? [...standing.pods] : [];
  return { state, pod: "pod" in standing ? standing.pod : undefined, pods, problem };
}

/** What failed before the present pods were ready is no longer shown. */
function isOver(lastProblem: RouteStatus["lastProblem"], standing: Standing): boolean {
  return lastProblem !== undefined && standing.state === "running" && lastProblem.atMs < standing.sinceMs;
}

function blockedState(problem: SentProblem): RouteStatus["state"] {
  return problem.code === "route-conflict" ? "conflict" : "blocked";
}

function clashProblem({ route, holder }: Clash, profiles: readonly AttachedProfile[]): SentProblem {
  const name = profiles.find(({ plan }) => plan.profile === holder)?.plan.name ?? holder;
  const message = `"${route}" is already claimed by profile "${name}" (${holder})`;
  return { code: "route-conflict", message, hints: [command`kt down -f ${holder}`] };
}

function templateText({ kind, namespace, name, port }: TargetTemplate): string {
  return `${formatPodSource({ kind, namespace, name })}:${port}`;
}
