/** Chooses the pod for a connection, and waits for one, or has it made, while none is ready. */

import type { Clock } from "#base/clock.ts";
import { errorFacts } from "#base/error-facts.ts";
import { KtError } from "#base/errors.ts";
import { tunnelLimits } from "./limits.ts";
import type { Cluster, Endpoint, Following, Resolution } from "#kube/objects/types.ts";
import { formatTarget, type Target } from "#route/target.ts";
import type { JumpPods } from "#tunnel/jump-pod/pods.ts";

export interface EndpointsOptions {
  readonly target: Target;
  readonly cluster: Cluster;
  readonly following: Following;
  /** Connections that are open on a pod. */
  readonly openOn: (pod: string) => number;
  /** Absent where no route asks for a pod to be made. */
  readonly jumpPods: JumpPods | undefined;
  readonly startTimeoutMs: () => number;
  readonly clock: Clock;
}

/** What one connection, or one try of it, looks for. */
interface Search {
  /** Pods that are not to be chosen; cleared when others come. */
  readonly tried: Set<string>;
  /** Until when a pod that is on its way is waited for. */
  readonly deadlineMs: number;
  readonly signal: AbortSignal;
}

export const tunnelClosed = (): KtError => new KtError("shutting-down", "the tunnel was closed");

export class Endpoints {
  readonly #options: EndpointsOptions;
  /** Where the next choice among equals begins. */
  #rotation = 0;
  /** The uid of the pod that was made: another one deserves another try. */
  #madePod: string | undefined;
  #closed = false;
  /** Called at every change of the resolution. */
  readonly #onChange = new Set<() => void>();

  constructor(options: EndpointsOptions) {
    this.#options = options;
  }

  /** The resolution is another one. */
  changed(): void {
    for (const notify of [...this.#onChange]) notify();
  }

  /** Those that wait get the error that the tunnel was closed. */
  close(): void {
    this.#closed = true;
    this.changed();
  }

  isReady(pod: string): boolean {
    return this.#ready().some((endpoint) => endpoint.pod === pod);
  }

  /** Whether a ready pod is left that has not been tried. */
  hasOther(tried: ReadonlySet<string>): boolean {
    return this.#ready().some(({ pod }) => !tried.has(pod));
  }

  /** A jump pod that does not exist yet is not a problem: it is made for the first connection. */
  get makesPod(): boolean {
    const { target, jumpPods } = this.#options;
    return target.via?.create !== undefined && jumpPods !== undefined;
  }

  /**
   * Waits for a ready pod that has not been tried: up to the deadline while one is on its way, shortly otherwise. `failed` says
   * why the last one was of no use. Rejects with KtError, or with the signal's reason.
   */
  async next({ tried, deadlineMs, signal }: Search, failed: KtError | undefined): Promise<Endpoint> {
    const { clock, following, startTimeoutMs } = this.#options;
    let startedMs = clock.now();
    let untilMs = deadlineMs;
    let made: Resolution | undefined | "nothing" = "nothing";
    // Where nothing is ready, what is known may be seconds old, and now a connection waits for it.
    if (following.current()?.kind !== "ready") following.refresh();
    for (;;) {
      if (this.#closed) throw tunnelClosed();
      const endpoint = this.#choose(tried);
      if (endpoint) return endpoint;
      const resolution = following.current();
      if (this.makesPod && made !== resolution) {
        made = resolution;
        await this.#makePod(tried, signal);
        startedMs = clock.now();
        untilMs = startedMs + startTimeoutMs();
        continue;
      }
      const problem = failed ?? (resolution && resolution.kind !== "ready" ? resolution.problem : undefined);
      if (problem && resolution?.kind !== "coming" && errorFacts[problem.code].waitHelps === "no") throw problem;
      const patienceMs =
        resolution === undefined || resolution.kind === "coming" ? untilMs : Math.min(untilMs, startedMs + tunnelLimits.noPodAnswerMs);
      const leftMs = patienceMs - clock.now();
      if (leftMs <= 0) throw this.#tooLate(resolution, problem);
      if (await this.#nextChange(leftMs, signal)) tried.clear();
    }
  }

  #ready(): readonly Endpoint[] {
    const resolution = this.#options.following.current();
    return resolution?.kind === "ready" ? resolution.endpoints : [];
  }

  /** The ready pod with the fewest open connections; among equals the least recently chosen, by rotation. */
  #choose(tried: ReadonlySet<string>): Endpoint | undefined {
    const endpoints = this.#ready();
    let best: Endpoint | undefined;
    let bestOpen = Number.POSITIVE_INFINITY;
    const offset = this.#rotation++;
    for (let index = 0; index < endpoints.length; index++) {
      const endpoint = endpoints[(index + offset) % endpoints.length] as Endpoint;
      if (tried.has(endpoint.pod)) continue;
      const open = this.#options.openOn(endpoint.pod);
      if (open < bestOpen) [best, bestOpen] = [endpoint, open];
    }
    return best;
  }

  /** Makes the jump pod unless it is there; it has a time limit of its own. */
  async #makePod(tried: Set<string>, signal: AbortSignal): Promise<void> {
    const { target, cluster, following, jumpPods } = this.#options;
    if (!target.via || jumpPods === undefined) return;
    const uid = await jumpPods.ensure(cluster, target.via.namespace ?? cluster.namespace, target.via, signal);
    if (this.#madePod !== uid) tried.clear();
    this.#madePod = uid;
    following.refresh();
  }

  #tooLate(resolution: Resolution | undefined, problem: KtError | undefined): KtError {
    if (problem && resolution && resolution.kind !== "coming") return problem;
    const { target, cluster, startTimeoutMs } = this.#options;
    const seconds = startTimeoutMs() / 1000;
    if (!resolution && !problem) {
      const what = `context "${cluster.context}" did not say within ${seconds} s what is behind ${formatTarget(target)}`;
      // Requests have shorter limits: what takes this long is a credential plugin that waits for the user.
      return new KtError("start-timeout", what, { hints: ["finish its login if one is waiting, then try again"] });
    }
    const reason = problem ? `: ${problem.message}` : "";
    return new KtError("start-timeout", `no pod of ${formatTarget(target)} became ready within ${seconds} s${reason}`, {
      hints: problem?.hints ?? [],
      cause: problem,
      detail: problem?.detail,
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
}
