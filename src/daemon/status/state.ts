/** The snapshot: every route with its URL, target, state, pod, counts and problem, read from what runs. */

import { namedRoutes, portsOf } from "#profile/values/planned.ts";
import { formatListen } from "#profile/values/listen.ts";
import { command } from "#base/shell.ts";
import type { ProfileStatus, RouteStatus } from "#control/api.ts";
import type { CounterTable, RouteCounters } from "#observe/counters.ts";
import type { Problem } from "#observe/events.ts";
import type { ListenAddress, Plan } from "#profile/values/plan.ts";
import { type ClusterRef, formatPodSource, formatTarget, type Target } from "#route/target.ts";
import type { TargetTemplate } from "#route/template.ts";
import type { Standing } from "#tunnel/standing.ts";
import type { TunnelStatus } from "#tunnel/tunnel.ts";
import type { ContextWatch } from "#daemon/plans/contexts.ts";
import { exposuresOf, exposureText } from "#daemon/listening/exposed.ts";
import type { ListenerState } from "#daemon/listening/listeners.ts";
import type { AttachedProfile } from "#daemon/plans/profiles.ts";
import { type Clash, tableAt, type Wanted } from "#daemon/listening/wanted.ts";
import { addressOf, urlOf } from "./urls.ts";

/** What the snapshot is read from. */
export interface Running {
  readonly profiles: readonly AttachedProfile[];
  readonly wanted: Wanted;
  readonly listener: (address: string) => ListenerState;
  readonly tunnel: (target: Target) => TunnelStatus | undefined;
  readonly contexts: Pick<ContextWatch, "of" | "all">;
  /** The context that a reference without one leads to, where that is known. */
  readonly contextOf: (ref: ClusterRef) => string | undefined;
  readonly counters: CounterTable;
}

type SentProblem = NonNullable<RouteStatus["problem"]>;

/** Every attached profile, in the order of their attaching. */
export function profileStates(running: Running): ProfileStatus[] {
  return running.profiles.map((attached) => profileState(running, attached));
}

function profileState(running: Running, attached: AttachedProfile): ProfileStatus {
  const { plan, pinned, leases, problem, warnings } = attached;
  const view = new PlanView(running, plan);
  const routes = [...view.httpRoutes(), ...view.patternRoutes(), ...view.tcpRoutes(), ...view.dynamicRoutes()];
  return {
    profile: plan.profile,
    name: plan.name,
    context: running.contextOf({ profile: plan.profile, context: plan.context }),
    pinned,
    clients: leases.size,
    listeners: view.listeners(),
    routes,
    problem: sent(problem),
    warnings: [...warnings, ...exposuresOf(plan).map(exposureText), ...unsaid(running.contexts.all(plan.profile), routes)],
  };
}

/** What is wrong and stands at no route. */
function unsaid(problems: readonly Problem[], routes: readonly RouteStatus[]): string[] {
  const said = new Set(routes.map(({ problem }) => problem?.message));
  return problems.map(({ message }) => message).filter((message) => !said.has(message));
}

type Counts = Pick<RouteStatus, "openConnections" | "totalConnections" | "requests" | "receivedBytes" | "sentBytes" | "lastProblem">;
type Shown = Pick<RouteStatus, "state" | "pod" | "pods" | "problem"> & Counts;

/** As it crosses the socket. */
export function sent(problem: (Problem & { readonly sinceMs?: number }) | undefined): SentProblem | undefined {
  if (!problem) return undefined;
  const { code, message, hints, sinceMs } = problem;
  return { code, message, hints: [...hints], ...(sinceMs === undefined ? {} : { sinceMs }) };
}

/** One plan's part of what runs. */
class PlanView {
  readonly #running: Running;
  readonly #plan: Plan;
  #current: { readonly context: string | undefined } | undefined;

  constructor(running: Running, plan: Plan) {
    this.#running = running;
    this.#plan = plan;
  }

  listeners(): ProfileStatus["listeners"] {
    const addresses = this.#plan.listeners.flatMap(({ listen }) => listen).map(formatListen);
    const exposures = new Map(exposuresOf(this.#plan).map(({ address, reachableAt }) => [address, [...reachableAt]]));
    return [...new Set(addresses)].map((address) => {
      const { port, problem, isOptional } = this.#running.listener(address);
      const clash = this.#clash("listener", address);
      const reachableAt = exposures.get(address);
      const state = {
        address,
        open: port !== undefined && clash === undefined,
        problem: clash ?? (isOptional ? undefined : sent(problem)),
      };
      return reachableAt === undefined ? state : { ...state, reachableAt };
    });
  }

  httpRoutes(): RouteStatus[] {
    return this.#plan.routes.map(({ name, host, target, scheme, address }) => {
      const own = address === undefined ? undefined : this.#blocked([address]);
      const blocked = this.#clash("host", name) ?? this.#blocked(this.#plan.http.listen) ?? own;
      const url = urlOf(host, scheme, this.#httpPort());
      const standing = this.#standing(target, name, blocked);
      return { kind: "http", name, url, address: address && formatListen(address), ...this.#where(target), ...standing };
    });
  }

  tcpRoutes(): RouteStatus[] {
    return portsOf(this.#plan).map(({ name, listen, target }) => {
      const blocked = this.#clash("port", name) ?? this.#blocked(listen);
      const port = listen.map((address) => this.#running.listener(formatListen(address)).port).find((open) => open !== undefined);
      const url = addressOf(listen, port);
      return { kind: "tcp", name, url, ...this.#where(target), ...this.#standing(target, name, blocked) };
    });
  }

  /** A pattern has no tunnel of its own: it is in use while connections through it are open. */
  patternRoutes(): RouteStatus[] {
    return this.#plan.patterns.map(({ name, target, scheme }) => {
      const blocked = this.#clash("pattern", name) ?? this.#blocked(this.#plan.http.listen);
      const counts = this.#counts(name);
      const missing = counts.openConnections > 0 ? undefined : this.#running.contexts.of(target);
      const problem = blocked ?? sent(missing);
      const state = blocked ? blockedState(blocked) : counts.openConnections > 0 ? "running" : missing ? "failed" : "idle";
      const url = urlOf(name, scheme ?? "http", this.#httpPort());
      return { kind: "pattern", name, url, target: templateText(target), state, pods: [], problem, ...counts };
    });
  }

  /** Dynamic names that were used and whose tunnel still exists. */
  dynamicRoutes(): RouteStatus[] {
    const { profile, http, patterns } = this.#plan;
    const written = new Set([...namedRoutes(this.#plan), ...patterns].map(({ name }) => name));
    const table = http.listen.map((address) => tableAt(this.#running.wanted, formatListen(address))).find((found) => found);
    return this.#running.counters.used(profile).flatMap((name): RouteStatus[] => {
      const found = written.has(name) ? undefined : table?.lookup(name);
      if (found?.kind !== "found" || found.via !== "dynamic" || !this.#running.tunnel(found.target)) return [];
      const url = urlOf(name, found.scheme, this.#httpPort());
      return [
        {
          kind: "dynamic",
          name,
          url,
          ...this.#where(found.target),
          ...this.#standing(found.target, name, undefined),
        },
      ];
    });
  }

  /** Looked up once for all routes: a profile's environment is long. */
  #contextOf(ref: ClusterRef): string | undefined {
    if (ref.context !== undefined) return ref.context;
    this.#current ??= { context: this.#running.contextOf(ref) };
    return this.#current.context;
  }

  #where(target: Target): Pick<RouteStatus, "target" | "context"> {
    return { target: formatTarget(target), context: this.#contextOf(target.cluster) };
  }

  #standing(target: Target, name: string, blocked: SentProblem | undefined): Shown {
    const { lastProblem, ...counts } = this.#counts(name);
    if (blocked) return { state: blockedState(blocked), pods: [], problem: blocked, ...counts, lastProblem };
    const standing = this.#standingOf(target);
    return { ...shown(standing), ...counts, lastProblem: isOver(lastProblem, standing) ? undefined : lastProblem };
  }

  /** Of a target that nobody uses the kubeconfig alone says whether it could be. */
  #standingOf(target: Target): Standing {
    const tunnel = this.#running.tunnel(target);
    if (tunnel && tunnel.phase !== "idle") return tunnel.standing;
    const problem = this.#running.contexts.of(target.cluster);
    return problem ? { state: "failed", problem, pods: [] } : { state: "idle" };
  }

  #counts(route: string): Counts {
    return countsOf(this.#running.counters.of(this.#plan.profile, route));
  }

  /** Blocked where none of the addresses is open, and where one is somebody else's: "localhost" may lead there. */
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
    const { profile } = this.#plan;
    const clash = this.#running.wanted.clashes.find((each) => each.kind === kind && each.profile === profile && each.route === route);
    return clash && clashProblem(clash, this.#running.profiles);
  }

  /** The port that URLs show: of the first address that is open. */
  #httpPort(): number {
    const { listen } = this.#plan.http;
    const open = listen.map((address) => this.#running.listener(formatListen(address)).port).find((port) => port !== undefined);
    return open ?? listen[0]?.port ?? 0;
  }
}

function countsOf({ openConnections, totalConnections, requests, receivedBytes, sentBytes, lastProblem }: RouteCounters): Counts {
  const counts = { openConnections, totalConnections, requests, receivedBytes, sentBytes };
  if (!lastProblem) return { ...counts, lastProblem: undefined };
  const { code, message, hints, atMs } = lastProblem;
  return { ...counts, lastProblem: { code, message, hints: [...hints], atMs } };
}

function shown(standing: Standing): Pick<RouteStatus, "state" | "pod" | "pods" | "problem"> {
  const { state } = standing;
  const problem = "problem" in standing ? sent(standing.problem) : undefined;
  const pods = "pods" in standing ? [...standing.pods] : [];
  return { state, pod: "pod" in standing ? standing.pod : undefined, pods, problem };
}

/** What failed before the pods of now were ready is no news any more. */
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
