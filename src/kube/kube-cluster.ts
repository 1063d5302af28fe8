/** One kubeconfig context as a Cluster: the composition of this room. */

import type { Clock } from "#base/clock.ts";
import type { Conn } from "#base/conn.ts";
import type { KtError } from "#base/errors.ts";
import { kubeLimits } from "./limits.ts";
import type { Log } from "#base/log.ts";
import { Api } from "#kube/api/api.ts";
import { StatusError } from "#kube/api/api-problem.ts";
import { portForwardProtocols } from "#wire/portforward.ts";
import type { ExecCommand } from "#wire/exec.ts";
import { ContextSource } from "#kube/api/context-source.ts";
import { ExecOpener } from "#kube/stream/exec.ts";
import { FollowPod } from "#kube/follow/follow-pod.ts";
import { FollowService } from "#kube/follow/follow-service.ts";
import { FollowWorkload } from "#kube/follow/follow-workload.ts";
import { NamespaceReads } from "#kube/follow/namespace-reads.ts";
import type { Jobs } from "#kube/objects/known-job.ts";
import type { Pods } from "#kube/objects/known-pod.ts";
import { ApiJobs } from "#kube/write/jobs.ts";
import type { Grants, Services } from "#kube/objects/known-service.ts";
import { ApiGrants } from "#kube/write/grants.ts";
import { ApiPods } from "#kube/write/pods.ts";
import { ApiServices } from "#kube/write/services.ts";
import type { FileCache } from "#kube/config/files.ts";
import type { Strangers } from "#kube/config/strangers.ts";
import { podNetwork } from "#kube/way/pod-network.ts";
import { SliceWatch } from "#kube/follow/slice-watch.ts";
import { openCollection } from "#kube/follow/collection.ts";
import type {
  Cluster,
  CollectionRequest,
  Following,
  FollowRequest,
  OpenedExec,
  PodDetail,
  PodLogRequest,
  PodNetwork,
  Resolution,
} from "#kube/objects/types.ts";
import { PodReader } from "./pod-reader.ts";
import type { ContextOverrides } from "#kube/config/overrides.ts";
import { Upgrader } from "#kube/stream/upgrade.ts";

export interface OpenClusterOptions {
  /** Absolute paths, in order of precedence; where none exists, the in-cluster service account. */
  readonly kubeconfig: readonly string[];
  /** Those of them that are not the user's own; default: none. */
  readonly strangers?: Strangers;
  /** Undefined: the kubeconfig's current-context. */
  readonly context: string | undefined;
  /** What is said instead of the kubeconfig; default: nothing. */
  readonly overrides?: ContextOverrides;
  /** Longest time for one request that is not a watch; default: `sharedLimits.apiRequestTimeoutMs`. */
  readonly requestTimeoutMs?: number;
  /** Of the shell that attached the profile: for credential plugins and proxies. */
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** Of files that others read too; default: its own. */
  readonly cache?: FileCache | undefined;
  readonly clock: Clock;
  readonly log: Log;
  /** Called when it changes, and once for the first answer. */
  readonly onReachable: (reachable: boolean, problem: KtError | undefined) => void;
}

/**
 * Reads the kubeconfig and nothing else: the cluster is asked when something is followed or forwarded. Throws KtError
 * `kubeconfig-unreadable` or `context-unknown`.
 */
export function openCluster(options: OpenClusterOptions): Cluster {
  return new KubeCluster(options);
}

type Follower = FollowService | FollowPod | FollowWorkload;
type AnyKept = Pick<Kept<Follower>, "reopen" | "wake" | "close">;

class KubeCluster implements Cluster {
  readonly #options: OpenClusterOptions;
  readonly #source: ContextSource;
  readonly #api: Api;
  readonly #forwarding: Upgrader;
  readonly #execs: ExecOpener;
  readonly #reader: PodReader;
  readonly #podNetwork: PodNetwork;
  readonly pods: Pods;
  readonly jobs: Jobs;
  readonly services: Services;
  readonly grants: Grants;
  /** By namespace, as the next. */
  readonly #sliceWatches = new Map<string, SliceWatch>();
  readonly #reads = new Map<string, NamespaceReads>();
  readonly #kept = new Set<AnyKept>();
  #place: object = {};
  #trouble: Cluster["trouble"];
  #suggestedMs = Number.NEGATIVE_INFINITY;
  #cancelCheck: (() => void) | undefined;

  constructor(options: OpenClusterOptions) {
    this.#options = options;
    this.#source = new ContextSource(options, (isElsewhere) => (isElsewhere ? this.#moved() : this.#wake()));
    this.#api = new Api({
      connection: () => this.#source.connection(),
      clock: options.clock,
      requestTimeoutMs: options.requestTimeoutMs,
      onReachable: (reachable, problem) => this.#reachable(reachable, problem),
    });
    const { clock, log } = options;
    const { stream, webSocketTunnel } = portForwardProtocols;
    this.#forwarding = new Upgrader({ api: this.#api, clock, log, subresource: "portforward", stream, webSocket: [webSocketTunnel] });
    this.#execs = new ExecOpener({ api: this.#api, clock, log });
    this.#reader = new PodReader(this.#api);
    this.#podNetwork = podNetwork(options.environment);
    this.pods = new ApiPods(this.#api);
    this.jobs = new ApiJobs(this.#api);
    this.services = new ApiServices(this.#api);
    this.grants = new ApiGrants(this.#api, options.clock);
  }

  get context(): string {
    return this.#source.connection().config.name;
  }

  get namespace(): string {
    return this.#source.connection().config.namespace;
  }

  get server(): string {
    return this.#source.connection().config.cluster.server;
  }

  get trouble(): Cluster["trouble"] {
    return this.#trouble;
  }

  get place(): object {
    return this.#place;
  }

  get podNetwork(): PodNetwork | undefined {
    return this.#source.connection().config.isInside ? this.#podNetwork : undefined;
  }

  follow(request: FollowRequest, onChange: (resolution: Resolution) => void): Following {
    const kept = this.#keep(() => this.#open(request, onChange));
    // What is followed is dialled as soon as its pod is known, after the requests for that. Most names that are guessed lead nowhere.
    if (!request.isGuess) setImmediate(() => this.#expectUpgrade());
    return { current: () => kept.inner.current(), refresh: () => kept.inner.refresh(), close: () => kept.close() };
  }

  collect(request: CollectionRequest): () => void {
    const { clock, log } = this.#options;
    const kept = this.#keep(() => openCollection(request, { api: this.#api, clock, log }));
    return () => kept.close();
  }

  #keep<Inner extends { wake(): void; close(): void }>(open: () => Inner): Kept<Inner> {
    const kept: Kept<Inner> = new Kept(open, () => this.#closed(kept));
    this.#kept.add(kept);
    this.#checkLater();
    return kept;
  }

  async hasNamespace(name: string, signal: AbortSignal): Promise<boolean | undefined> {
    try {
      await this.#api.get(`/api/v1/namespaces/${name}`, { verb: "get", resource: "namespaces", group: "", namespace: "", name }, signal);
      return true;
    } catch (error) {
      return error instanceof StatusError && error.status === 404 ? false : undefined;
    }
  }

  async portForward(namespace: string, pod: string, signal: AbortSignal): Promise<Conn> {
    return (await this.#forwarding.open(namespace, pod, "", signal)).conn;
  }

  exec(namespace: string, pod: string, command: ExecCommand, signal: AbortSignal): Promise<OpenedExec> {
    return this.#execs.open(namespace, pod, command, signal);
  }

  podsBehind(request: Pick<FollowRequest, "kind" | "namespace" | "name">, signal: AbortSignal): Promise<readonly PodDetail[]> {
    return this.#reader.behind(request, signal);
  }

  podLog(request: PodLogRequest, onBytes: (bytes: Uint8Array) => void, signal: AbortSignal): Promise<void> {
    return this.#reader.log(request, onBytes, signal);
  }

  close(): void {
    for (const kept of [...this.#kept]) kept.close();
    for (const watch of this.#sliceWatches.values()) watch.close();
    this.#cancelCheck?.();
    this.#api.close();
  }

  #expectUpgrade(): void {
    if (this.#kept.size > 0) this.#api.expectUpgrade();
  }

  #open(request: FollowRequest, onChange: (resolution: Resolution) => void): Follower {
    const { clock, log } = this.#options;
    const common = { api: this.#api, clock, log, onChange, suggests: () => !request.isGuess || this.#suggests() };
    const { kind } = request;
    if (kind === "pod") return new FollowPod({ ...common, request });
    if (kind === "service") {
      const { namespace } = request;
      return new FollowService({ ...common, request, sliceWatch: this.#sliceWatch(namespace), reads: this.#readsOf(namespace) });
    }
    return new FollowWorkload({ ...common, request: { ...request, kind } });
  }

  /** A slip of the hand is helped, and a flood of names not. */
  #suggests(): boolean {
    const nowMs = this.#options.clock.now();
    if (nowMs - this.#suggestedMs < kubeLimits.guessHintMs) return false;
    this.#suggestedMs = nowMs;
    return true;
  }

  #sliceWatch(namespace: string): SliceWatch {
    let watch = this.#sliceWatches.get(namespace);
    if (!watch) {
      watch = new SliceWatch({ api: this.#api, clock: this.#options.clock, log: this.#options.log, namespace });
      this.#sliceWatches.set(namespace, watch);
    }
    return watch;
  }

  #readsOf(namespace: string): NamespaceReads {
    let reads = this.#reads.get(namespace);
    if (!reads) {
      reads = new NamespaceReads(this.#api, namespace, this.#options.clock);
      this.#reads.set(namespace, reads);
    }
    return reads;
  }

  #closed(kept: AnyKept): void {
    this.#kept.delete(kept);
    for (const [namespace, watch] of this.#sliceWatches) {
      if (!watch.unused) continue;
      this.#sliceWatches.delete(namespace);
      this.#reads.delete(namespace);
    }
    if (this.#kept.size > 0) return;
    this.#cancelCheck?.();
    this.#cancelCheck = undefined;
  }

  /** Kubeconfig is also checked while there are no new requests. */
  #checkLater(): void {
    this.#cancelCheck ??= this.#options.clock.after(kubeLimits.kubeconfigCheckMs, () => {
      this.#cancelCheck = undefined;
      this.#source.connection();
      if (this.#kept.size > 0) this.#checkLater();
    });
  }

  #moved(): void {
    this.#place = {};
    for (const watch of this.#sliceWatches.values()) watch.close();
    this.#sliceWatches.clear();
    this.#reads.clear();
    for (const kept of this.#kept) kept.reopen();
  }

  #reachable(reachable: boolean, problem: KtError | undefined): void {
    this.#trouble = problem && { problem, sinceMs: this.#options.clock.wallMs() };
    this.#options.onReachable(reachable, problem);
    if (reachable) this.#wake();
  }

  /** Ends the pauses of whatever waits to try again. */
  #wake(): void {
    for (const watch of this.#sliceWatches.values()) watch.wake();
    for (const kept of this.#kept) kept.wake();
  }
}

/** What is kept fresh, beyond a move of the context to another cluster. */
class Kept<Inner extends { wake(): void; close(): void }> {
  readonly #open: () => Inner;
  readonly #onClose: () => void;
  inner: Inner;

  constructor(open: () => Inner, onClose: () => void) {
    this.#open = open;
    this.#onClose = onClose;
    this.inner = open();
  }

  wake(): void {
    this.inner.wake();
  }

  reopen(): void {
    this.inner.close();
    this.inner = this.#open();
  }

  close(): void {
    this.inner.close();
    this.#onClose();
  }
}
