/** The live path to one target: follows what is behind it, and opens connections to its ready pods. */

import type { Clock } from "#base/clock.ts";
import type { Conn } from "#base/conn.ts";
import type { Datagrams } from "#base/datagrams.ts";
import { errorFacts, isAbout } from "#base/error-facts.ts";
import { assert, type KtError, toKtError } from "#base/errors.ts";
import type { Log } from "#base/log.ts";
import type { Cluster, Endpoint, Resolution } from "#kube/objects/types.ts";
import { type Report, type TunnelPhase, toProblem } from "#observe/events.ts";
import { Histogram } from "#observe/histogram.ts";
import { formatTarget, type Target } from "#route/target.ts";
import { Attempts } from "./attempts.ts";
import { Endpoints, tunnelClosed } from "./endpoints.ts";
import { FlowCarrier } from "#tunnel/flow/flow-carrier.ts";
import type { FlowRelay } from "#tunnel/flow/flow-relay.ts";
import type { JumpPods } from "#tunnel/jump-pod/pods.ts";
import type { JumpReaper } from "#tunnel/jump/reaper.ts";
import type { JumpTools } from "#tunnel/jump/tools.ts";
import { Link } from "#tunnel/pipe/link.ts";
import type { Slot } from "#tunnel/pipe/slot.ts";
import { TargetConn } from "#tunnel/pipe/target-conn.ts";
import type { Semaphore } from "#base/semaphore.ts";
import { Health } from "#tunnel/health/health.ts";
import type { HealthCheck, HealthStatus } from "#tunnel/health/health-check.ts";
import { tunnelLimits } from "./limits.ts";
import type { SessionPools } from "#tunnel/forward/pools.ts";
import type { Relays } from "#tunnel/relay/relays.ts";
import type { Place } from "./turnstile.ts";
import { openWay, type Way } from "./way.ts";
import { type EndpointsView, problemOf, type Standing, standingOf, type TimedProblem } from "./standing.ts";

export interface TunnelStatus {
  readonly key: string;
  readonly target: Target;
  readonly phase: TunnelPhase;
  readonly standing: Standing;
  readonly sessions: number;
  /** Connections in use; parked ones do not count. */
  readonly openConnections: number;
  /** How long connections took to open, with the wait for a pod; absent before the first. */
  readonly dials?: Histogram | undefined;
  readonly failedDials?: number;
  /** Undefined before the first check. */
  readonly health: HealthStatus | undefined;
}

export interface TunnelOptions {
  readonly key: string;
  readonly target: Target;
  /** No profile names it: it is looked up before anything is watched. */
  readonly isGuess: boolean;
  /** Asked at each start, since kubeconfig may have changed. Throws KtError. */
  readonly cluster: () => Cluster;
  readonly pools: SessionPools;
  readonly tools: JumpTools;
  readonly reaper: JumpReaper;
  /** Absent where no route asks for a pod to be made. */
  readonly jumpPods: JumpPods | undefined;
  /** Carries datagrams; absent where there can be none. */
  readonly relay: FlowRelay | undefined;
  /** Absent where there are none. */
  readonly relays: Relays | undefined;
  /** How it is checked while it is in use; undefined where it is not. */
  readonly healthCheck: () => HealthCheck | undefined;
  readonly healthChecksAtOnce: Semaphore;
  /** Where its connections are counted, and wait for room. */
  readonly place: Place;
  readonly timeouts: () => { readonly idleTimeoutMs: number; readonly startTimeoutMs: number };
  readonly clock: Clock;
  readonly log: Log;
  readonly report: Report;
  /** The status changed; so small a change as the number of open connections only where it makes a difference. */
  readonly onChange: () => void;
  /** The routes that lead here, for the log. */
  readonly routes: () => readonly string[];
}

/** What exists while the tunnel is not idle. */
interface Live extends Pick<Way, "carrier" | "following"> {
  readonly cluster: Cluster;
  readonly way: Way;
  readonly endpoints: Endpoints;
  /** Open connections, including parked ones. */
  readonly conns: Set<TargetConn>;
  /** Pods that have carried bytes since they became ready: a refusal by one of them is retried, by any other it is the answer. */
  readonly proven: Set<string>;
  /** Pods that sessions may be open to. */
  readonly used: Set<string>;
}

type State =
  | { readonly phase: "idle" }
  | { readonly phase: "starting"; readonly live: Live }
  | { readonly phase: "running"; readonly live: Live }
  | { readonly phase: "stopping"; readonly live: Live };

export class Tunnel {
  readonly #options: TunnelOptions;
  #state: State = { phase: "idle" };
  /** The problem of the latest connection; see TunnelFacts. */
  #dialProblem: TimedProblem | undefined;
  readonly #health: Health;
  #healthProblem: TimedProblem | undefined;
  #view: EndpointsView = { kind: "unknown" };
  #lastPod: string | undefined;
  #lastUsedMs = 0;
  #inUse = 0;
  /** Connections that wait for others to end, as the limits of the profile have it. */
  readonly #waiting = new Set<AbortController>();
  #dials: Histogram | undefined;
  #failedDials = 0;
  /** Whether the cluster had said what is behind the target, at the last tick. */
  #wasSeen = false;

  constructor(options: TunnelOptions) {
    this.#options = options;
    this.#health = new Health({
      check: options.healthCheck,
      open: (signal) => this.#openForCheck(signal),
      atOnce: options.healthChecksAtOnce,
      clock: options.clock,
      onChecked: options.onChange,
      onTurn: (problem) => this.#healthTurned(problem),
    });
  }

  get target(): Target {
    return this.#options.target;
  }

  get isIdle(): boolean {
    return this.#state.phase === "idle";
  }

  /** No connection is in use, and none waits. */
  get isAtRest(): boolean {
    return this.#inUse === 0 && this.#waiting.size === 0;
  }

  /** It has not carried a connection since it began. */
  get isUnproven(): boolean {
    return this.#state.phase !== "running";
  }

  get lastUsedMs(): number {
    return this.#lastUsedMs;
  }

  status(): TunnelStatus {
    const live = this.#live();
    const resolution = live?.following.current();
    let sessions = 0;
    if (live && resolution?.kind === "ready") for (const { pod } of resolution.endpoints) sessions += live.carrier.sessionsOn(pod);
    const { key, target } = this.#options;
    const counts = {
      sessions,
      openConnections: this.#inUse,
      dials: this.#dials,
      failedDials: this.#failedDials,
      health: this.#health.status,
    };
    return { key, target, phase: this.#state.phase, standing: this.#standing(live), ...counts };
  }

  #standing(live: Live | undefined): Standing {
    return standingOf({
      phase: this.#state.phase,
      // What was seen of another cluster, before the context led here, does not count.
      view: live?.following.current() ? this.#view : { kind: "unknown" },
      clusterProblem: live?.cluster.trouble && timed(live.cluster.trouble.problem, live.cluster.trouble.sinceMs),
      dialProblem: this.#dialProblem,
      healthProblem: this.#healthProblem,
      lastPod: this.#lastPod,
      openConnections: this.#inUse,
      makesPod: live?.endpoints.makesPod === true,
    });
  }

  /** See Dialer. */
  get appProtocol(): string | undefined {
    const resolution = this.#live()?.following.current();
    return resolution?.kind === "ready" ? resolution.endpoints[0]?.appProtocol : undefined;
  }

  /** See Dialer. */
  async dial(signal: AbortSignal): Promise<Link> {
    const startedMs = this.#options.clock.now();
    if (!this.#options.place.enter()) await this.#waitForRoom(signal);
    const live = this.#beginCounted();
    try {
      const slot = await this.#reserve(live, new Set(), signal, undefined);
      this.#dials ??= new Histogram();
      this.#dials.add(this.#options.clock.now() - startedMs);
      return this.#link(live, slot);
    } catch (error) {
      this.#failedDials += 1;
      this.#options.place.remove();
      this.#released();
      throw this.#noted(toKtError(error, "internal", `connect to ${formatTarget(this.#options.target)}`));
    }
  }

  /** Opens a flow of datagrams to a ready pod, for a target of UDP. Waits and rejects as `dial` does. */
  async openFlow(signal: AbortSignal): Promise<Datagrams> {
    const live = this.#begin();
    this.#used();
    try {
      const deadlineMs = this.#options.clock.now() + this.#options.timeouts().startTimeoutMs;
      const endpoint = await live.endpoints.next({ tried: new Set(), deadlineMs, signal }, undefined);
      live.used.add(endpoint.pod);
      assert(live.carrier instanceof FlowCarrier, "a target of TCP was asked for datagrams");
      const flow = await live.carrier.openFlow(endpoint, signal, () => this.#released());
      if (this.#live() !== live) flow.close();
      this.#lastPod = endpoint.pod;
      this.#carried(live);
      return flow;
    } catch (error) {
      this.#released();
      throw this.#noted(toKtError(error, "internal", `connect to ${formatTarget(this.#options.target)}`));
    }
  }

  /** Starts the tunnel and opens a session to a ready pod for the first connection. Rejects as `dial` does. */
  async prepare(signal: AbortSignal): Promise<Endpoint> {
    const live = this.#begin();
    this.#used();
    try {
      const { pod, port, drop } = await this.#reserve(live, new Set(), signal, undefined);
      drop();
      this.#carried(live);
      return { pod, port };
    } catch (error) {
      throw this.#noted(toKtError(error, "internal", `reach ${formatTarget(this.#options.target)}`));
    } finally {
      this.#released();
    }
  }

  /** Called about every second. */
  tick(nowMs: number): void {
    const { idleTimeoutMs } = this.#options.timeouts();
    this.#live()?.carrier.tick(nowMs);
    this.#lookWhetherSeen();
    if (this.#isChecked(nowMs)) this.#health.tick(nowMs);
    if (this.#live() && this.#inUse === 0 && idleTimeoutMs > 0 && nowMs - this.#lastUsedMs >= idleTimeoutMs) this.stop();
  }

  /** What was seen is void when the context leads to another cluster, which brings no callback. */
  #lookWhetherSeen(): void {
    const isSeen = this.#live()?.following.current() !== undefined;
    if (isSeen !== this.#wasSeen) this.#options.onChange();
    this.#wasSeen = isSeen;
  }

  /** A pod that kt makes lives as long as its connections: checks would keep it. */
  #isChecked(nowMs: number): boolean {
    const isInUse = this.#inUse > 0 || nowMs - this.#lastUsedMs < tunnelLimits.healthInUseMs;
    return this.#state.phase === "running" && this.#view.kind === "ready" && !this.#state.live.endpoints.makesPod && isInUse;
  }

  /** Checks at once what is behind the target, as after the machine slept. */
  wake(): void {
    const live = this.#live();
    live?.following.refresh();
    live?.carrier.ping();
  }

  /** Ends every connection and becomes idle; the next dial starts again. */
  stop(): void {
    for (const waiting of [...this.#waiting]) waiting.abort(tunnelClosed());
    const live = this.#live();
    if (!live) return;
    this.#become({ phase: "stopping", live });
    for (const conn of [...live.conns]) conn.lose(tunnelClosed());
    live.way.close();
    this.#health.forget();
    this.#become({ phase: "idle" });
    this.#view = { kind: "unknown" };
    this.#dialProblem = undefined;
    live.endpoints.close();
  }

  #live(): Live | undefined {
    return this.#state.phase === "idle" ? undefined : this.#state.live;
  }

  #become(next: State): void {
    if (next.phase === this.#state.phase) return;
    this.#state = next;
    const { target, report, routes, onChange } = this.#options;
    onChange();
    const problem = problemOf(this.#standing(this.#live()));
    report({ type: "tunnel-phase", target: formatTarget(target), routes: routes(), phase: next.phase, pod: this.#lastPod, problem });
  }

  #begin(): Live {
    this.#lastUsedMs = this.#options.clock.now();
    const running = this.#live();
    if (running) return running;
    const { timeouts } = this.#options;
    const cluster = this.#options.cluster();
    const way = openWay({ ...this.#options, cluster, onChange: (resolution) => this.#resolved(resolution) });
    const { following, carrier } = way;
    const endpoints = new Endpoints({
      ...this.#options,
      cluster,
      following,
      openOn: (pod) => carrier.openOn(pod),
      startTimeoutMs: () => timeouts().startTimeoutMs,
    });
    const live: Live = { cluster, way, carrier, following, endpoints, conns: new Set(), proven: new Set(), used: new Set() };
    const known = following.current();
    if (known) this.#see(known);
    this.#become({ phase: "starting", live });
    return live;
  }

  #resolved(resolution: Resolution): void {
    const live = this.#live();
    if (!live) return;
    this.#see(resolution);
    for (const pod of live.used) {
      if (live.endpoints.isReady(pod)) continue;
      // A new pod of the same name is a different pod, and the previous sessions do not lead to it.
      live.used.delete(pod);
      live.proven.delete(pod);
      live.carrier.retire(pod);
    }
    live.endpoints.changed();
  }

  /** Other pods, or none: the problem of the latest connection is over, unless kt lacks a permission. */
  #see(resolution: Resolution): void {
    const sinceMs = this.#options.clock.wallMs();
    if (resolution.kind === "ready") this.#replaced(resolution.endpoints.map(({ pod }) => pod));
    if (resolution.kind === "ready") this.#view = { kind: "ready", pods: resolution.endpoints.map(({ pod }) => pod), sinceMs };
    else this.#view = { kind: resolution.kind, problem: timed(resolution.problem, this.#unreadySinceMs ?? sinceMs) };
    if (this.#dialProblem?.code !== "forbidden") this.#dialProblem = undefined;
    this.#options.onChange();
  }

  /** The pod of the latest connection is gone, and another is ready. */
  #replaced(pods: readonly string[]): void {
    const { target, report, routes } = this.#options;
    const [from, to] = [this.#lastPod, pods[0]];
    if (from === undefined || to === undefined || pods.includes(from)) return;
    this.#lastPod = to;
    this.#health.forget();
    report({ type: "pod-changed", target: formatTarget(target), routes: routes(), from, to });
  }

  /** The reason may change while nothing is ready; the time since when does not. */
  get #unreadySinceMs(): number | undefined {
    return "problem" in this.#view ? this.#view.problem.sinceMs : undefined;
  }

  #healthTurned(error: KtError | undefined): void {
    const { target, report, routes, onChange, clock } = this.#options;
    this.#healthProblem = error && timed(error, clock.wallMs());
    onChange();
    report({ type: "health", target: formatTarget(target), routes: routes(), problem: error && toProblem(error) });
  }

  /** Neither counts as use nor keeps anything open: only the first pod that is ready is asked. */
  async #openForCheck(signal: AbortSignal): Promise<Conn> {
    const live = this.#live();
    if (!live) throw tunnelClosed();
    const slot = await this.#reserve(live, new Set(), signal, undefined);
    return new TargetConn(slot, {
      clock: this.#options.clock,
      retry: (_failed, error) => Promise.reject(error),
      answered: (at) => live.proven.add(at.pod),
      closed() {},
    });
  }

  #noted(problem: KtError): KtError {
    this.#dialProblem = timed(problem, this.#options.clock.wallMs());
    this.#options.onChange();
    return problem;
  }

  /** Tries ready pods until one accepts the connection. `failed` says why the last one did not. */
  async #reserve(live: Live, tried: Set<string>, signal: AbortSignal, failed: KtError | undefined): Promise<Slot> {
    let last = failed;
    const deadlineMs = this.#options.clock.now() + this.#options.timeouts().startTimeoutMs;
    for (;;) {
      const endpoint = await live.endpoints.next({ tried, deadlineMs, signal }, last);
      live.used.add(endpoint.pod);
      try {
        const slot = await live.carrier.reserve(endpoint);
        if (signal.aborted || this.#live() !== live) {
          slot.drop();
          throw signal.aborted ? signal.reason : tunnelClosed();
        }
        return slot;
      } catch (error) {
        const problem = toKtError(error, "connection-lost", `connect to pod "${endpoint.pod}"`);
        if (signal.aborted || this.#live() !== live || !errorFacts[problem.code].otherPodHelps) throw problem;
        tried.add(endpoint.pod);
        last = problem;
        live.following.refresh();
      }
    }
  }

  #link(live: Live, slot: Slot): Link {
    const { place: reached } = live.cluster;
    const { place } = this.#options;
    const dialledMs = this.#options.clock.now();
    let attempts: Attempts | undefined;
    const conn: TargetConn = new TargetConn(slot, {
      clock: this.#options.clock,
      retry: (failed, error) => {
        attempts ??= new Attempts(this.#options.clock, dialledMs);
        return this.#retry(live, attempts, failed, error);
      },
      answered: (at) => live.proven.add(at.pod),
      closed: () => {
        attempts?.giveUp();
        live.conns.delete(conn);
        place.unpark(conn);
        place.remove();
        if (!link.isParked) this.#released();
      },
    });
    const link = new Link(conn, {
      isCurrent: (pod) => this.#live() === live && live.cluster.place === reached && live.endpoints.isReady(pod),
      parked: (isParked) => {
        if (!live.conns.has(conn)) return;
        if (isParked) {
          this.#released();
          place.park(conn);
        } else {
          place.unpark(conn);
          this.#used();
        }
      },
    });
    live.conns.add(conn);
    this.#lastPod = slot.pod;
    this.#carried(live);
    return link;
  }

  /** A connection has reached a pod. */
  #carried(live: Live): void {
    this.#dialProblem = undefined;
    if (this.#state.phase === "starting") this.#become({ phase: "running", live });
    else this.#options.onChange();
  }

  /** A pod refused or vanished before its first byte. If it never worked and is the only one, its answer is reported at once. */
  async #retry(live: Live, attempts: Attempts, failed: Slot, error: KtError): Promise<Slot> {
    const { tried, signal } = attempts;
    if (isAbout(error.code, "target")) return await this.#retryTarget(live, attempts, failed, error);
    if (!errorFacts[error.code].otherPodHelps) throw this.#noted(error);
    attempts.podFailed(failed.pod, error);
    live.following.refresh();
    if (error.code === "port-refused" && !live.endpoints.hasOther(tried) && !live.proven.has(failed.pod)) throw this.#noted(error);
    try {
      return await this.#reserve(live, tried, signal, error);
    } catch (final) {
      throw this.#noted(toKtError(final, error.code, error.message));
    }
  }

  /**
   * A target that has worked and does not take a connection may do so in a moment: nodes hear late which pods a service has, and a name
   * may be taken over by another server. What never worked, or has not for some seconds, is reported at once.
   */
  async #retryTarget(live: Live, attempts: Attempts, { pod }: Slot, error: KtError): Promise<Slot> {
    if (!live.proven.has(pod) || !(await attempts.pause())) {
      live.proven.delete(pod);
      throw this.#noted(error);
    }
    try {
      return await this.#reserve(live, attempts.tried, attempts.signal, error);
    } catch (final) {
      throw this.#noted(toKtError(final, error.code, error.message));
    }
  }

  /** Ends with the tunnel, too. */
  async #waitForRoom(signal: AbortSignal): Promise<void> {
    const ended = new AbortController();
    this.#waiting.add(ended);
    try {
      await this.#options.place.wait(AbortSignal.any([signal, ended.signal]));
    } finally {
      this.#waiting.delete(ended);
    }
  }

  /** For a connection that has its place. */
  #beginCounted(): Live {
    try {
      const live = this.#begin();
      this.#used();
      return live;
    } catch (error) {
      this.#options.place.remove();
      throw error;
    }
  }

  #used(): void {
    this.#inUse += 1;
    if (this.#live()?.endpoints.makesPod) this.#options.onChange();
  }

  #released(): void {
    this.#inUse -= 1;
    if (this.#live()?.endpoints.makesPod) this.#options.onChange();
    this.#lastUsedMs = this.#options.clock.now();
  }
}

function timed(problem: KtError, sinceMs: number): TimedProblem {
  return { ...toProblem(problem), sinceMs, detail: problem.detail };
}
