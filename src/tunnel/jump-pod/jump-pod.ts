/** One pod that kt makes for a jump host: made when first needed, shared, replaced when broken, removed by the last who used it. */

import type { Clock } from "#base/clock.ts";
import { isAbout } from "#base/error-facts.ts";
import { KtError, toKtError } from "#base/errors.ts";
import { tunnelLimits } from "#tunnel/limits.ts";
import type { Log } from "#base/log.ts";
import type { Cluster } from "#kube/objects/types.ts";
import { type JumpPodChange, type Report, toProblem } from "#observe/events.ts";
import type { JumpPodDefinition } from "#route/target.ts";
import { type JumpPodEnd, JumpPodLease } from "./lease.ts";
import { definitionText, type JumpPodHolder } from "./manifest.ts";
import { JumpPodStart, type JumpPodUser } from "./start.ts";

export interface JumpPodOptions {
  readonly cluster: Cluster;
  /** Where the pod is; the context may lead elsewhere later. */
  readonly server: string;
  readonly namespace: string;
  readonly name: string;
  readonly holder: JumpPodHolder;
  /** The routes of this hub that go over it now. */
  readonly users: () => readonly JumpPodUser[];
  readonly clock: Clock;
  readonly log: Log;
  readonly report: Report;
}

interface Failure {
  readonly wanted: string;
  readonly problem: KtError;
  readonly untilMs: number;
  readonly pauseMs: number;
}

export const unused = (): KtError => new KtError("shutting-down", "no route uses the jump pod any more");

export class JumpPod {
  readonly #options: JumpPodOptions;
  /** The latest that asked: an earlier one may be closed, or have another user. */
  #cluster: Cluster;
  /** Aborts with the last route. */
  readonly #life = new AbortController();
  readonly #lease: JumpPodLease;
  #running: { readonly wanted: string; readonly done: Promise<string> } | undefined;
  #failure: Failure | undefined;
  #latest: { readonly uid: string; readonly atMs: number } | undefined;
  /** Something of ours may be in the cluster. */
  #touched = false;

  constructor(options: JumpPodOptions) {
    this.#options = options;
    this.#cluster = options.cluster;
    this.#lease = new JumpPodLease({ ...options, pods: () => this.#cluster.pods, onEnded: () => this.#report("ended") });
  }

  /** Resolves with the pod's uid when it is ready. All who ask at the same time share one start, which goes on when they leave. */
  async ensure(cluster: Cluster, create: JumpPodDefinition): Promise<string> {
    this.#cluster = cluster;
    const wanted = definitionText(create);
    while (this.#running && this.#running.wanted !== wanted) await this.#running.done.catch(() => {});
    this.#running ??= {
      wanted,
      done: this.#start(create, wanted).finally(() => {
        this.#running = undefined;
      }),
    };
    return await this.#running.done;
  }

  /** No route of this hub goes over it any more. Never rejects. */
  async end(signal: AbortSignal): Promise<JumpPodEnd> {
    this.#life.abort(unused());
    await this.#running?.done.catch(() => {});
    if (!this.#touched || this.#cluster.server !== this.#options.server) return { kind: "gone" };
    const end = await this.#lease.end(signal);
    if (end.kind !== "gone") this.#report(end.kind, end.kind === "kept" ? end.problem : undefined);
    return end;
  }

  get #title(): string {
    return `${this.#options.namespace}/${this.#options.name}`;
  }

  #report(change: JumpPodChange, problem?: KtError): void {
    this.#options.report({ type: "jump-pod", pod: this.#title, change, problem: problem && toProblem(problem) });
  }

  async #start(create: JumpPodDefinition, wanted: string): Promise<string> {
    const { clock } = this.#options;
    const before = this.#failure?.wanted === wanted ? this.#failure : undefined;
    if (before && clock.now() < before.untilMs) throw before.problem;
    try {
      this.#touched = true;
      const uid = await this.#starting(create).run();
      this.#failure = undefined;
      return uid;
    } catch (error) {
      if (this.#life.signal.aborted) throw unused();
      const problem = toKtError(error, "jump-pod-failed", `make the jump pod "${this.#title}"`);
      // The way to the cluster has its own pauses between tries.
      if (isAbout(problem.code, "login", "way")) throw problem;
      const pauseMs = Math.min(before ? before.pauseMs * 2 : tunnelLimits.jumpPodRetryMs, tunnelLimits.jumpPodRetryMaxMs);
      this.#failure = { wanted, problem, untilMs: clock.now() + pauseMs, pauseMs };
      this.#report("failed", problem);
      throw problem;
    }
  }

  #starting(create: JumpPodDefinition): JumpPodStart {
    const { clock } = this.#options;
    return new JumpPodStart({
      ...this.#options,
      cluster: this.#cluster,
      create,
      users: this.#options.users(),
      lease: this.#lease,
      signal: this.#life.signal,
      young: this.#latest && clock.now() - this.#latest.atMs < tunnelLimits.jumpPodYoungMs ? this.#latest.uid : undefined,
      onMade: (uid) => {
        this.#latest = { uid, atMs: clock.now() };
      },
      onChange: (change, why) => this.#report(change, why),
    });
  }
}
