/** The live path to one target: follows what is behind it, and opens connections to its ready pods. */

import type { Clock } from "#base/clock.ts";
import { KtError, toKtError } from "#base/errors.ts";
import { limits } from "#base/limits.ts";
import type { Log } from "#base/log.ts";
import type { Cluster, Endpoint, Following, Resolution } from "#kube/types.ts";
import { type Problem, type Report, type TunnelPhase, toProblem } from "#observe/events.ts";
import { carriersOf, formatTarget, type Target } from "#route/target.ts";
import { type Carrier, ForwardCarrier, JumpCarrier } from "./carrier.ts";
import type { JumpPods } from "./jump-pods.ts";
import type { JumpReaper } from "./jump-reaper.ts";
import type { JumpTools } from "./jump-tools.ts";
import { PodLink } from "./link.ts";
import type { Attachment } from "./pipe.ts";
import { PodStream } from "./pod-stream.ts";
import type { SessionPools } from "./pools.ts";

export interface TunnelStatus {
  readonly key: string;
  readonly target: Target;
  readonly phase: TunnelPhase;
  /** The pod that the last connection went to. */
  readonly pod: string | undefined;
  /** Every pod that may be dialled now. */
  readonly pods: readonly string[];
  readonly sessions: number;
  /** Connections in use; parked ones do not count. */
  readonly openConnections: number;
  readonly problem: Problem | undefined;
}

export interface TunnelOptions {
  readonly key: string;
  readonly target: Target;
  /** Asked at each start, since kubeconfig may have changed. Throws KtError. */
  readonly cluster: () => Cluster;
  readonly pools: SessionPools;
  readonly tools: JumpTools;
  readonly reaper: JumpReaper;
  /** Absent where no route asks for a pod to be made. */
  readonly jumpPods: JumpPods | undefined;
  readonly timeouts: () => { readonly idleTimeoutMs: number; readonly startTimeoutMs: number };
  readonly clock: Clock;
  readonly log: Log;
  readonly report: Report;
}

/** What exists while the tunnel is not idle. */
interface Live {
  readonly cluster: Cluster;
  readonly carrier: Carrier;
  readonly following: Following;
  /** Open connections, parked ones among them. */
  readonly streams: Set<PodStream>;
  /** Pods that have carried bytes since they became ready: a refusal there is news, elsewhere it is the answer. */
  readonly proven: Set<string>;
  /** Pods that sessions may be open to. */
  readonly used: Set<string>;
  /** The uid of the pod that was made for it: another one deserves another try. */
  madePod?: string;
}

type State =
  | { readonly phase: "idle" }
  | { readonly phase: "starting"; readonly live: Live }
  | { readonly phase: "running"; readonly live: Live }
  | { readonly phase: "stopping"; readonly live: Live };

/** Problems that waiting does not mend: the answer comes at once. */
const finalCodes: ReadonlySet<string> = new Set([
  "service-not-found",
  "service-external",
  "workload-not-found",
  "port-not-found",
  "forbidden",
  "unauthorized",
  "credentials-failed",
  "context-unknown",
  "kubeconfig-unreadable",
  "container-not-found",
  "jump-no-tool",
]);

/** Problems that another pod would have too. */
const hopelessCodes: ReadonlySet<string> = new Set([
  "forbidden",
  "unauthorized",
  "credentials-failed",
  "context-unknown",
  "kubeconfig-unreadable",
  "cluster-unreachable",
  "proxy-failed",
]);

/** The target's own answer, which is the same from wherever it is asked. */
const targetCodes: ReadonlySet<string> = new Set(["target-not-found", "target-refused", "target-unreachable"]);

const closed = (): KtError => new KtError("shutting-down", "the tunnel was closed");

export class Tunnel {
  readonly #options: TunnelOptions;
  #state: State = { phase: "idle" };
  #problem: Problem | undefined;
  #lastPod: string | undefined;
  #lastUsedMs = 0;
  #inUse = 0;
  /** Where the next choice among equals begins. */
  #rotation = 0;
  /** Told at every change of the resolution. */
  readonly #onChange = new Set<() => void>();

  constructor(options: TunnelOptions) {
    this.#options = options;
  }

  get target(): Target {
    return this.#options.target;
  }

  status(): TunnelStatus {
    const live = this.#live();
    const resolution = live?.following.current();
    const pods = resolution?.kind === "ready" ? resolution.endpoints.map((endpoint) => endpoint.pod) : [];
    let sessions = 0;
    if (live) for (const pod of pods) sessions += live.carrier.sessionsOn(pod);
    return {
      key: this.#options.key,
      target: this.#options.target,
      phase: this.#state.phase,
      pod: this.#lastPod,
      pods,
      sessions,
      openConnections: this.#inUse,
      problem: this.#problem,
    };
  }

  /** See Dialer. */
  async dial(signal: AbortSignal): Promise<PodLink> {
    const live = this.#begin();
    this.#inUse += 1;
    try {
      const attachment = await this.#attach(live, new Set(), signal, undefined);
      return this.#link(live, attachment);
    } catch (error) {
      this.#released();
      throw this.#noted(toKtError(error, "internal", `connect to ${formatTarget(this.#options.target)}`));
    }
  }

  /** Begins the tunnel and opens a session to a ready pod, for the first connection to use. Rejects as `dial` does. */
  async prepare(signal: AbortSignal): Promise<Endpoint> {
    const live = this.#begin();
    this.#inUse += 1;
    try {
      const { pod, port, drop } = await this.#attach(live, new Set(), signal, undefined);
      drop();
      this.#problem = undefined;
      if (this.#state.phase === "starting") this.#become({ phase: "running", live });
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
    if (this.#live() && this.#inUse === 0 && idleTimeoutMs > 0 && nowMs - this.#lastUsedMs >= idleTimeoutMs) this.stop();
  }

  /** Looks at what is behind the target at once, as after the machine slept. */
  wake(): void {
    const live = this.#live();
    live?.following.refresh();
    live?.carrier.ping();
  }

  /** Ends every connection and goes idle; the next dial starts afresh. */
  stop(): void {
    const live = this.#live();
    if (!live) return;
    this.#become({ phase: "stopping", live });
    live.following.close();
    for (const stream of [...live.streams]) stream.lose(closed());
    live.carrier.close();
    this.#become({ phase: "idle" });
    this.#changed();
  }

  #live(): Live | undefined {
    return this.#state.phase === "idle" ? undefined : this.#state.live;
  }

  #become(next: State): void {
    if (next.phase === this.#state.phase) return;
    this.#state = next;
    const { target, report } = this.#options;
    report({ type: "tunnel-phase", target: formatTarget(target), phase: next.phase, pod: this.#lastPod, problem: this.#problem });
  }

  #begin(): Live {
    this.#lastUsedMs = this.#options.clock.now();
    const running = this.#live();
    if (running) return running;
    const { target } = this.#options;
    const cluster = this.#options.cluster();
    const { kind, name, namespace = cluster.namespace } = carriersOf(target);
    const port = target.kind === "address" ? undefined : target.port;
    const following = cluster.follow({ kind, namespace, name, port }, (resolution) => this.#resolved(resolution));
    const carrier = this.#carrier(cluster, namespace);
    const live: Live = { cluster, carrier, following, streams: new Set(), proven: new Set(), used: new Set() };
    this.#become({ phase: "starting", live });
    return live;
  }

  #carrier(cluster: Cluster, namespace: string): Carrier {
    const { target, pools, tools, reaper, clock, log } = this.#options;
    if (target.kind !== "address") return new ForwardCarrier(pools, cluster, namespace);
    return new JumpCarrier({ target, cluster, namespace, tools, reaper, clock, log });
  }

  #resolved(resolution: Resolution): void {
    const live = this.#live();
    if (!live) return;
    // That a pod of kt's own making is not there is no problem: it is made when somebody connects.
    if (resolution.kind !== "ready" && !this.#makesPod) this.#noted(resolution.problem);
    for (const pod of live.used) {
      if (this.#isCurrent(live, pod)) continue;
      // One that comes again under its name is another, and the sessions of before do not lead to it.
      live.used.delete(pod);
      live.proven.delete(pod);
      live.carrier.retire(pod);
    }
    this.#changed();
  }

  #changed(): void {
    for (const tell of [...this.#onChange]) tell();
  }

  #noted(problem: KtError): KtError {
    this.#problem = toProblem(problem);
    return problem;
  }

  #isCurrent(live: Live, pod: string): boolean {
    const resolution = live.following.current();
    return resolution?.kind === "ready" && resolution.endpoints.some((endpoint) => endpoint.pod === pod);
  }

  /** Tries ready pods until one takes the connection. `failed` carries why the last one did not. */
  async #attach(live: Live, tried: Set<string>, signal: AbortSignal, failed: KtError | undefined): Promise<Attachment> {
    let last = failed;
    const deadlineMs = this.#options.clock.now() + this.#options.timeouts().startTimeoutMs;
    for (;;) {
      const endpoint = await this.#endpoint(live, tried, deadlineMs, signal, last);
      live.used.add(endpoint.pod);
      try {
        const attachment = await live.carrier.attach(endpoint);
        if (signal.aborted || this.#live() !== live) {
          attachment.drop();
          throw signal.aborted ? signal.reason : closed();
        }
        return attachment;
      } catch (error) {
        const problem = toKtError(error, "connection-lost", `connect to pod "${endpoint.pod}"`);
        if (signal.aborted || this.#live() !== live || hopelessCodes.has(problem.code)) throw problem;
        tried.add(endpoint.pod);
        last = problem;
        live.following.refresh();
      }
    }
  }

  /** Waits for a ready pod that has not been tried: up to the start timeout while one is on its way, shortly otherwise. */
  async #endpoint(live: Live, tried: Set<string>, deadlineMs: number, signal: AbortSignal, last: KtError | undefined): Promise<Endpoint> {
    const { clock } = this.#options;
    let startedMs = clock.now();
    let untilMs = deadlineMs;
    let made: Resolution | undefined | "nothing" = "nothing";
    // What is known may be seconds old where nothing is ready, and now somebody waits for it.
    if (live.following.current()?.kind !== "ready") live.following.refresh();
    for (;;) {
      if (this.#live() !== live) throw closed();
      const resolution = live.following.current();
      const endpoint = resolution?.kind === "ready" ? this.#choose(live, resolution.endpoints, tried) : undefined;
      if (endpoint) return endpoint;
      if (this.#makesPod && made !== resolution) {
        made = resolution;
        await this.#makePod(live, tried, signal);
        startedMs = clock.now();
        untilMs = startedMs + this.#options.timeouts().startTimeoutMs;
        continue;
      }
      const problem = last ?? (resolution && resolution.kind !== "ready" ? resolution.problem : undefined);
      if (problem && resolution?.kind !== "coming" && finalCodes.has(problem.code)) throw problem;
      const patienceMs =
        resolution === undefined || resolution.kind === "coming" ? untilMs : Math.min(untilMs, startedMs + limits.noPodAnswerMs);
      const leftMs = patienceMs - clock.now();
      if (leftMs <= 0) throw this.#tooLate(live.cluster, resolution, problem);
      if (await this.#nextChange(leftMs, signal)) tried.clear();
    }
  }

  get #makesPod(): boolean {
    const { target, jumpPods } = this.#options;
    return target.kind === "address" && target.via.create !== undefined && jumpPods !== undefined;
  }

  /** Makes the jump pod unless it is there; it has a time limit of its own. */
  async #makePod(live: Live, tried: Set<string>, signal: AbortSignal): Promise<void> {
    const { target, jumpPods, tools } = this.#options;
    if (target.kind !== "address" || jumpPods === undefined) return;
    const namespace = target.via.namespace ?? live.cluster.namespace;
    const uid = await jumpPods.ensure(live.cluster, namespace, target.via, signal);
    tools.renew({ cluster: live.cluster, namespace, pod: target.via.name }, uid);
    if (live.madePod !== uid) tried.clear();
    live.madePod = uid;
    live.following.refresh();
  }

  #tooLate(cluster: Cluster, resolution: Resolution | undefined, problem: KtError | undefined): KtError {
    if (problem && resolution && resolution.kind !== "coming") return problem;
    const seconds = this.#options.timeouts().startTimeoutMs / 1000;
    if (!resolution && !problem) {
      const what = `context "${cluster.context}" did not say within ${seconds} s what is behind ${formatTarget(this.#options.target)}`;
      // Requests have shorter limits: what takes this long is a credential plugin that waits for somebody.
      return new KtError("start-timeout", what, { hints: ["finish its login if one is waiting, then try again"] });
    }
    const reason = problem ? `: ${problem.message}` : "";
    return new KtError("start-timeout", `no pod of ${formatTarget(this.#options.target)} became ready within ${seconds} s${reason}`, {
      hints: problem?.hints ?? [],
      cause: problem,
    });
  }

  /** True when the resolution changed, false when the time was up. Rejects when the signal aborts. */
  #nextChange(withinMs: number, signal: AbortSignal): Promise<boolean> {
    return new Promise((resolve, reject) => {
      if (signal.aborted) return reject(signal.reason);
      const onAbort = (): void => finish(() => reject(signal.reason));
      const onChange = (): void => finish(() => resolve(true));
      const cancel = this.#options.clock.after(withinMs, () => finish(() => resolve(false)));
      const finish = (settle: () => void): void => {
        cancel();
        this.#onChange.delete(onChange);
        signal.removeEventListener("abort", onAbort);
        settle();
      };
      signal.addEventListener("abort", onAbort, { once: true });
      this.#onChange.add(onChange);
    });
  }

  /** The ready pod with the fewest open connections; among equals the least recently chosen, by rotation. */
  #choose(live: Live, endpoints: readonly Endpoint[], tried: ReadonlySet<string>): Endpoint | undefined {
    let best: Endpoint | undefined;
    let bestOpen = Number.POSITIVE_INFINITY;
    const offset = this.#rotation++;
    for (let index = 0; index < endpoints.length; index++) {
      const endpoint = endpoints[(index + offset) % endpoints.length] as Endpoint;
      if (tried.has(endpoint.pod)) continue;
      const open = live.carrier.openOn(endpoint.pod);
      if (open < bestOpen) [best, bestOpen] = [endpoint, open];
    }
    return best;
  }

  #link(live: Live, attachment: Attachment): PodLink {
    const tried = new Set<string>();
    const lost = new Set<string>();
    const { place } = live.cluster;
    const giveUp = new AbortController();
    const stream: PodStream = new PodStream(attachment, {
      clock: this.#options.clock,
      retry: (failed, error) => this.#retry(live, { tried, lost }, failed, error, giveUp.signal),
      answered: (at) => live.proven.add(at.pod),
      closed: () => {
        giveUp.abort(new KtError("connection-lost", "the connection was closed"));
        live.streams.delete(stream);
        if (!link.isParked) this.#released();
      },
    });
    const link = new PodLink(stream, {
      isCurrent: (pod) => this.#live() === live && live.cluster.place === place && this.#isCurrent(live, pod),
      parked: (isParked) => {
        if (!live.streams.has(stream)) return;
        if (isParked) this.#released();
        else this.#inUse += 1;
      },
    });
    live.streams.add(stream);
    this.#lastPod = attachment.pod;
    this.#problem = undefined;
    if (this.#state.phase === "starting") this.#become({ phase: "running", live });
    return link;
  }

  /** A pod refused or vanished before its first byte. One that never worked and is alone gives its answer at once. */
  async #retry(
    live: Live,
    { tried, lost }: { readonly tried: Set<string>; readonly lost: Set<string> },
    failed: Attachment,
    error: KtError,
    signal: AbortSignal,
  ): Promise<Attachment> {
    if (targetCodes.has(error.code)) throw this.#noted(error);
    // A session that was lost says little about its pod, which gets a second chance.
    if (error.code !== "connection-lost" || lost.has(failed.pod)) tried.add(failed.pod);
    lost.add(failed.pod);
    live.following.refresh();
    const resolution = live.following.current();
    const another = resolution?.kind === "ready" && resolution.endpoints.some((endpoint) => !tried.has(endpoint.pod));
    if (error.code === "port-refused" && !another && !live.proven.has(failed.pod)) throw this.#noted(error);
    try {
      return await this.#attach(live, tried, signal, error);
    } catch (final) {
      throw this.#noted(toKtError(final, error.code, error.message));
    }
  }

  #released(): void {
    this.#inUse -= 1;
    this.#lastUsedMs = this.#options.clock.now();
  }
}
