/** One relay as this hub uses it: made when it is needed, found where others made it, connected to, and made again when it goes. */

import { type Clock, sleep } from "#base/clock.ts";
import { isAbout } from "#base/error-facts.ts";
import { KtError, toKtError } from "#base/errors.ts";
import type { Log } from "#base/log.ts";
import type { KnownJob } from "#kube/objects/known-job.ts";
import type { Cluster, Following, Resolution } from "#kube/objects/types.ts";
import type { RelayFlow } from "#mux/relay-flow.ts";
import type { RelayStream } from "#mux/relay-stream.ts";
import { tunnelLimits } from "#tunnel/limits.ts";
import type { RelayJob } from "./manifest.ts";
import type { ServeRelayed } from "./relay-link.ts";
import type { RelayedAddress, RelayWay } from "./relay-way.ts";
import { RelayLinks } from "./relay-links.ts";

export interface RelayOptions {
  readonly cluster: Cluster;
  readonly namespace: string;
  readonly job: RelayJob;
  /** Whose sessions they are: the same for all of a hub's. */
  readonly user: string;
  /** Absent: it may open nothing. */
  readonly serve?: ServeRelayed;
  readonly clock: Clock;
  readonly log: Log;
}

export class Relay implements RelayWay {
  readonly title = "the relay";
  readonly #options: RelayOptions;
  readonly #name: string;
  readonly #life = new AbortController();
  readonly #onChange = new Set<(resolution: Resolution) => void>();
  #links: RelayLinks | undefined;
  /** To pods that are about to end: what is open goes on. */
  readonly #leaving = new Set<RelayLinks>();
  /** Why there is none now; what was seen of its pod, or why the latest try failed. */
  #problem: { readonly kind: "coming" | "failed"; readonly error: KtError };
  /** The Job that this hub made, as long as no session to it was ever open: nothing else would end it. */
  #unused: KnownJob | undefined;
  /** The Job that is used. */
  #uid: string | undefined;
  /** A Job that has no pod that runs, nor will have, whatever the cluster says: by its uid, since others may have replaced it. */
  #endedUid: string | undefined;
  /** Its one pod was ready: it gets no other. */
  #hadPod = false;
  #wake = (): void => {};
  readonly #running: Promise<void>;

  constructor(options: RelayOptions) {
    this.#options = options;
    this.#name = options.job.name;
    this.#problem = { kind: "coming", error: new KtError("no-ready-pod", `the relay ${this.#place} is being started`) };
    this.#running = this.#run();
  }

  /** Takes new connections now. */
  get isReady(): boolean {
    return this.#links?.isUsable === true;
  }

  get pod(): string | undefined {
    return this.#links?.pod;
  }

  /** Of the Job; undefined before there is one. */
  get uid(): string | undefined {
    return this.#uid;
  }

  get sessions(): number {
    return this.#links?.count ?? 0;
  }

  /** Undefined where it takes no connections now. See RelayWay. */
  openStream(to: RelayedAddress, hasOtherWay: boolean): RelayStream | undefined {
    return this.#links?.openStream(to, hasOtherWay);
  }

  openFlow(to: RelayedAddress): RelayFlow | undefined {
    return this.#links?.openFlow(to);
  }

  /** Resolves once it takes connections; rejects with why it does not start, or when it has not started in time. */
  async ready(signal: AbortSignal): Promise<void> {
    if (this.isReady) return;
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const look = (resolution: Resolution): void => {
      if (resolution.kind === "ready") resolve();
      else if (resolution.kind === "failed") reject(resolution.problem);
    };
    const following = this.follow(look);
    const cancel = this.#options.clock.after(tunnelLimits.relayStartMs, () => reject(this.#problem.error));
    const onAbort = (): void => reject(signal.reason);
    signal.addEventListener("abort", onAbort, { once: true });
    look(this.current);
    try {
      await promise;
    } finally {
      cancel();
      following.close();
      signal.removeEventListener("abort", onAbort);
    }
  }

  /** The relay's pod as what is behind a target. */
  follow(onChange: (resolution: Resolution) => void): Following {
    this.#onChange.add(onChange);
    return { current: () => this.current, refresh: () => this.#wake(), close: () => void this.#onChange.delete(onChange) };
  }

  /** Called about every second. */
  tick(nowMs: number): void {
    this.#links?.tick(nowMs);
    for (const links of this.#leaving) links.tick(nowMs);
  }

  ping(): void {
    this.#links?.ping();
    for (const links of this.#leaving) links.ping();
  }

  /** Says goodbye: the relay ends unless others use it. Never rejects. */
  async end(): Promise<void> {
    this.#life.abort(new KtError("shutting-down", "the relay is not used any more"));
    await Promise.all([this.#links, ...this.#leaving].map((links) => links?.leave()));
    await this.#running;
    const { cluster, namespace } = this.#options;
    if (this.#unused) await cluster.jobs.remove(namespace, this.#unused, AbortSignal.timeout(tunnelLimits.relayRemoveMs)).catch(() => {});
  }

  get #place(): string {
    return `"${this.#options.namespace}/${this.#name}"`;
  }

  get current(): Resolution {
    if (this.#links && this.isReady) return { kind: "ready", endpoints: [{ pod: this.#links.pod, port: 0 }] };
    return { kind: this.#problem.kind, problem: this.#problem.error };
  }

  #changed(): void {
    const resolution = this.current;
    for (const onChange of [...this.#onChange]) onChange(resolution);
  }

  /** Until the end: makes it, uses it as long as it is there, and begins again, after a pause where that failed. */
  async #run(): Promise<void> {
    const { clock } = this.#options;
    const { signal } = this.#life;
    let pauseMs: number = tunnelLimits.relayRetryMs;
    while (!signal.aborted) {
      const startedMs = clock.now();
      try {
        await this.#ensureJob(signal);
        await this.#serve(signal);
      } catch (error) {
        if (signal.aborted) return;
        this.#failed(toKtError(error, "relay-failed", `start the relay ${this.#place}`));
      }
      if (clock.now() - startedMs > tunnelLimits.relayRetryMaxMs) pauseMs = tunnelLimits.relayRetryMs;
      await this.#pause(pauseMs);
      pauseMs = Math.min(pauseMs * 2, tunnelLimits.relayRetryMaxMs);
    }
  }

  async #pause(pauseMs: number): Promise<void> {
    const woken = new AbortController();
    const wake = (): void => woken.abort();
    this.#wake = wake;
    this.#life.signal.addEventListener("abort", wake, { once: true });
    await sleep(this.#options.clock, pauseMs, woken.signal);
    this.#life.signal.removeEventListener("abort", wake);
    this.#wake = () => {};
  }

  /** One of that name is there and has not ended. */
  async #ensureJob(signal: AbortSignal): Promise<void> {
    const { cluster, namespace, job: wanted, clock } = this.#options;
    for (;;) {
      const found = await cluster.jobs.get(namespace, this.#name, signal);
      if (found && !found.isOver && found.uid !== this.#endedUid) return await this.#use(found, signal);
      if (found) await cluster.jobs.remove(namespace, found, signal);
      this.#unused = await cluster.jobs.create(namespace, wanted.manifest, signal);
      if (this.#unused) return await this.#use(this.#unused, signal);
      await sleep(clock, tunnelLimits.jumpPodLookMs, signal);
      signal.throwIfAborted();
    }
  }

  async #use(job: KnownJob, signal: AbortSignal): Promise<void> {
    if (job.uid !== this.#uid) this.#hadPod = false;
    this.#uid = job.uid;
    await this.#options.job.prepare?.(job, signal);
  }

  /** Connects to its pod when there is one; resolves or rejects when it is gone. */
  #serve(signal: AbortSignal): Promise<void> {
    const { cluster, namespace } = this.#options;
    const over = Promise.withResolvers<void>();
    const onAbort = (): void => over.resolve();
    signal.addEventListener("abort", onAbort, { once: true });
    const following = cluster.follow({ kind: "job", namespace, name: this.#name, port: undefined }, (resolution) =>
      this.#resolved(resolution, over),
    );
    const known = following.current();
    if (known) this.#resolved(known, over);
    const cancel = this.#options.clock.after(tunnelLimits.relayNoPodMs, () => void this.#lookForPod(signal, over));
    return over.promise.finally(() => {
      cancel();
      signal.removeEventListener("abort", onAbort);
      following.close();
      const links = this.#links;
      this.#links = undefined;
      if (signal.aborted) this.#links = links;
      else links?.close(new KtError("connection-lost", "the relay is gone"));
      this.#changed();
    });
  }

  #resolved(resolution: Resolution, over: PromiseWithResolvers<void>): void {
    if (resolution.kind === "ready") {
      const [{ pod } = { pod: "" }] = resolution.endpoints;
      const isLeaving = [...this.#leaving].some((links) => links.pod === pod);
      if (this.#links?.pod !== pod && !isLeaving) this.#connect(pod, over);
      return;
    }
    const { problem } = resolution;
    // Its controller may be late to say so, and the Job itself is over with its pod.
    if ((problem.detail === "pod-ended" || this.#hadPod) && !this.#links) {
      this.#endedUid = this.#uid;
      // One that has never answered would end again: why is the answer.
      if (this.#unused) over.reject(this.#explained(problem));
      else over.resolve();
    } else if (resolution.kind === "coming") this.#become("coming", problem);
    // What is open goes on until its sessions end by themselves.
    else if (!this.#links) over.reject(this.#explained(problem));
  }

  #connect(pod: string, over: PromiseWithResolvers<void>): void {
    const { cluster, namespace, user, serve, clock, log } = this.#options;
    const relay = `${namespace}/${pod}`;
    const links = new RelayLinks({
      cluster,
      namespace,
      pod,
      user,
      ...(serve && { serve }),
      clock,
      onUsable: () => this.#changed(),
      onLeaving: () => {
        log("info", "relay-leaving", { relay });
        this.#leave(links);
        over.resolve();
      },
      onLost: (error) => {
        log("info", "relay-lost", { relay, reason: error.message });
        this.#leaving.delete(links);
        over.resolve();
      },
    });
    this.#links?.close(new KtError("connection-lost", "the relay was replaced"));
    this.#links = links;
    this.#hadPod = true;
    links.begin().then(
      () => {
        log("info", "relay-ready", { relay });
        this.#unused = undefined;
      },
      (error: unknown) => {
        if (this.#links !== links) return;
        this.#links = undefined;
        const problem = this.#explained(toKtError(error, "relay-failed", "connect to the relay"));
        // What its pod says within a moment says more.
        clock.after(tunnelLimits.relayExplainMs, () => over.reject(problem));
      },
    );
  }

  /** A quota or a policy may keep the Job from making one. */
  async #lookForPod(signal: AbortSignal, over: PromiseWithResolvers<void>): Promise<void> {
    const { cluster, namespace } = this.#options;
    if (this.#hadPod || this.#uid === undefined) return;
    const why = await cluster.jobs.whyNoPod(namespace, { name: this.#name, uid: this.#uid }, signal);
    if (why !== undefined) over.reject(this.#explained(new KtError("relay-failed", why)));
  }

  /** Its pod is about to end, as with its node: another is made at once, and what is open goes on until it ends by itself. */
  #leave(links: RelayLinks): void {
    this.#endedUid = this.#uid;
    this.#leaving.add(links);
    if (this.#links === links) this.#links = undefined;
    this.#problem = { kind: "coming", error: new KtError("no-ready-pod", `the relay ${this.#place} is being replaced`) };
  }

  #become(kind: "coming" | "failed", error: KtError): void {
    if (kind === "coming" && this.#problem.kind === "failed") return;
    this.#problem = { kind, error };
    this.#changed();
  }

  #failed(error: KtError): void {
    this.#options.log("warn", "relay-failed", { relay: `${this.#options.namespace}/${this.#name}`, text: error.message });
    this.#become("failed", error);
  }

  /** In one sentence, with what can be done about it. */
  #explained(problem: KtError): KtError {
    if (isAbout(problem.code, "login", "way", "permission")) return problem;
    return new KtError("relay-failed", `the relay with the image "${this.#options.job.image}" does not start: ${problem.message}`, {
      hints: problem.hints,
      cause: problem,
    });
  }
}
