/** Keeps the resolution of a workload's port fresh: the workload for its selector, and the pods that this matches. */

import type { Clock } from "#base/clock.ts";
import { KtError } from "#base/errors.ts";
import type { Log } from "#base/log.ts";
import { nearest } from "#base/nearest.ts";
import { command, type Words } from "#base/shell.ts";
import type { Api } from "#kube/api/api.ts";
import { type Access, kubectlScope } from "#kube/api/api-problem.ts";
import { sameResolution } from "./follow-service.ts";
import { listNames } from "./names.ts";
import type { Pod } from "#kube/objects/objects.ts";
import { PodWatch } from "./pod-watch.ts";
import { resolvePods } from "#kube/objects/resolve-pods.ts";
import type { FollowRequest, Resolution } from "#kube/objects/types.ts";
import { Reflector } from "./reflector.ts";
import { collectionPath, pickWorkload, type Workload, workloadApis, workloadGroup, type WorkloadKind } from "#kube/objects/workload.ts";

export interface FollowWorkloadOptions {
  readonly request: FollowRequest & { readonly kind: WorkloadKind };
  readonly api: Api;
  readonly clock: Clock;
  readonly log: Log;
  /** Whether it is worth a request to find the name that was meant. */
  readonly suggests: () => boolean;
  readonly onChange: (resolution: Resolution) => void;
}

export class FollowWorkload {
  readonly #options: FollowWorkloadOptions;
  readonly #closing = new AbortController();
  readonly #reflector: Reflector<Workload>;
  #workload: Workload | undefined;
  #watch: PodWatch | undefined;
  /** Undefined until they have been listed. */
  #pods: readonly Pod[] | undefined;
  #resolution: Resolution | undefined;

  constructor(options: FollowWorkloadOptions) {
    this.#options = options;
    const { request, api, clock, log } = options;
    this.#reflector = new Reflector<Workload>({
      api,
      clock,
      log,
      path: this.#path,
      query: { fieldSelector: `metadata.name=${request.name}` },
      access: this.#access,
      single: request.name,
      endsIfEmpty: request.isGuess === true,
      pick: (raw) => pickWorkload(request.kind, raw),
      listener: {
        onList: ([workload]) => this.#learned(workload),
        onItem: (workload, deleted) => this.#learned(deleted ? undefined : workload),
        onProblem: (problem) => this.#failed(problem),
      },
    });
  }

  current(): Resolution | undefined {
    return this.#resolution;
  }

  refresh(): void {
    this.#reflector.doubt();
    this.#watch?.doubt();
  }

  wake(): void {
    this.#reflector.wake();
    this.#watch?.wake();
  }

  close(): void {
    this.#closing.abort();
    this.#reflector.close();
    this.#watch?.close();
  }

  get #path(): string {
    const { group, resource } = workloadApis[this.#options.request.kind];
    return collectionPath(group, this.#options.request.namespace, resource);
  }

  get #access(): Omit<Access, "verb"> {
    return { ...workloadApis[this.#options.request.kind], namespace: this.#options.request.namespace };
  }

  get #scope(): Words {
    return kubectlScope(this.#options.request.namespace, this.#options.api.requester.context);
  }

  #learned(workload: Workload | undefined): void {
    this.#workload = workload;
    if (this.#closing.signal.aborted) return;
    if (!workload || workload.selector === "") this.#unwatch();
    else if (this.#watch?.selector !== workload.selector) this.#watchPods(workload.selector);
    if (!workload) void this.#missing();
    else if (workload.selector === "") this.#become({ kind: "none", problem: this.#noSelector() });
    else this.#update();
  }

  #watchPods(selector: string): void {
    const { request, api, clock, log } = this.#options;
    this.#unwatch();
    const watch = new PodWatch({
      api,
      clock,
      log,
      namespace: request.namespace,
      selector,
      onPods: (pods) => {
        if (this.#watch !== watch) return;
        this.#pods = pods;
        this.#update();
      },
      onProblem: (problem) => this.#failed(problem),
    });
    this.#watch = watch;
  }

  #unwatch(): void {
    this.#watch?.close();
    this.#watch = undefined;
    this.#pods = undefined;
  }

  #update(): void {
    if (!this.#workload || !this.#pods) return;
    this.#become(resolvePods(workloadGroup(this.#options.request, this.#workload, this.#scope), this.#pods, this.#scope));
  }

  /** Says that there is none, with the name that is nearest. */
  async #missing(): Promise<void> {
    const { request, api, suggests } = this.#options;
    const { kind, name, namespace } = request;
    const known = suggests() ? await listNames(api, this.#path, this.#access, this.#closing.signal) : [];
    const close = nearest(name, known);
    if (this.#workload) return;
    const hints = [command`kubectl get ${workloadApis[kind].resource} ${this.#scope}`];
    if (close !== undefined) hints.unshift(`did you mean "${close}"?`);
    const problem = new KtError("workload-not-found", `there is no ${kind} "${name}" in namespace "${namespace}"`, { hints });
    this.#become({ kind: "none", problem });
  }

  #noSelector(): KtError {
    const { kind, namespace, name } = this.#options.request;
    return new KtError("no-ready-pod", `${kind} "${namespace}/${name}" has no selector: nothing says which pods are its own`);
  }

  #failed(problem: KtError): void {
    // The last good pods stay until there is newer information.
    if (this.#resolution?.kind !== "ready" || problem.code === "forbidden") this.#become({ kind: "failed", problem });
  }

  #become(next: Resolution): void {
    if (this.#closing.signal.aborted || sameResolution(this.#resolution, next)) return;
    this.#resolution = next;
    this.#options.onChange(next);
  }
}
