/** Keeps the resolution of one service port fresh: the service, its slices or else its pods, and why none is ready. */

import { retryPause } from "./retry-pause.ts";
import type { Clock } from "#base/clock.ts";
import { KtError, toKtError } from "#base/errors.ts";
import { sharedLimits } from "#base/limits.ts";
import { kubeLimits } from "#kube/limits.ts";
import type { Log } from "#base/log.ts";
import type { Words } from "#base/shell.ts";
import type { Api } from "#kube/api/api.ts";
import { kubectlScope } from "#kube/api/api-problem.ts";
import { Backoff } from "#base/backoff.ts";
import type { NamespaceReads } from "./namespace-reads.ts";
import type { Pod, Service, ServicePort, Slice } from "#kube/objects/objects.ts";
import { PodWatch } from "./pod-watch.ts";
import { findServicePort, groupOf, resolveSlices, unexplained } from "#kube/objects/resolve.ts";
import { explainPods, resolvePods } from "#kube/objects/resolve-pods.ts";
import { EndpointPods, hasNameless } from "./endpoint-pods.ts";
import { ServiceReader } from "./service-reader.ts";
import type { SliceWatch } from "./slice-watch.ts";
import type { Endpoint, FollowRequest, Resolution } from "#kube/objects/types.ts";

export interface FollowServiceOptions {
  readonly request: FollowRequest;
  readonly api: Api;
  readonly sliceWatch: SliceWatch;
  readonly reads: NamespaceReads;
  readonly clock: Clock;
  readonly log: Log;
  /** Whether it is worth a request to find the name that was meant. */
  readonly suggests: () => boolean;
  readonly onChange: (resolution: Resolution) => void;
}

/** Where the endpoints are read from. */
type Source = { readonly kind: "slices"; readonly leave: (() => void) | undefined } | { readonly kind: "pods"; readonly watch: PodWatch };

export class FollowService {
  readonly #options: FollowServiceOptions;
  readonly #closing = new AbortController();
  readonly #backoff: Backoff;
  readonly #reader: ServiceReader;
  /** Only of slices that name no pods. */
  #endpointPods: EndpointPods | undefined;
  /** The pods behind it, watched while none is ready: their states change without a change of the slices. */
  #unreadyPods: PodWatch | undefined;
  #source: Source | undefined;
  #service: Service | undefined;
  #slices: readonly Slice[] = [];
  #pods: readonly Pod[] = [];
  #resolution: Resolution | undefined;
  #loading = false;
  /** A reload was requested while another was under way. */
  #reloadGapMs: number | undefined;
  #loadedAtMs = Number.NEGATIVE_INFINITY;
  #cancelReload: (() => void) | undefined;
  /** When that reload is due. */
  #reloadAtMs = 0;

  constructor(options: FollowServiceOptions) {
    this.#options = options;
    this.#backoff = new Backoff(options.clock);
    this.#reader = new ServiceReader(options);
    this.#source = { kind: "slices", leave: options.request.isGuess ? undefined : this.#joinWatch() };
    this.refresh();
  }

  current(): Resolution | undefined {
    return this.#resolution;
  }

  get #scope(): Words {
    return kubectlScope(this.#options.request.namespace, this.#options.api.requester.context);
  }

  /** Asks for service and slices now, unless they are just being asked for. */
  refresh(): void {
    this.#options.sliceWatch.doubt();
    this.wake();
    this.#unreadyPods?.doubt();
    // The first answer is on its way: what it is asked for now, it says.
    if (this.#resolution === undefined && this.#loading) return;
    this.#reload(sharedLimits.backoffMinMs);
  }

  /** Ends pauses between tries. */
  wake(): void {
    this.#backoff.skip();
    this.#endpointPods?.wake();
    this.#unreadyPods?.wake();
    if (this.#source?.kind === "pods") this.#source.watch.doubt();
  }

  close(): void {
    this.#closing.abort();
    this.#cancelReload?.();
    this.#endSource();
  }

  #endSource(): void {
    this.#endpointPods?.close();
    this.#leavePods();
    if (this.#source?.kind === "slices") this.#source.leave?.();
    else this.#source?.watch.close();
    this.#source = undefined;
  }

  #joinWatch(): () => void {
    const { sliceWatch, request } = this.#options;
    return sliceWatch.join(request.name, {
      onSlices: (slices) => {
        const before = shapeOf(this.#slices);
        this.#slices = slices;
        this.#update();
        // A change of the service shows in what it makes of its slices; its end takes them away.
        if (!this.#service) this.#reload(sharedLimits.backoffMinMs);
        else if (before !== shapeOf(slices)) this.#reload(kubeLimits.serviceCheckMs);
      },
      // What is known stays; a first answer comes from the direct request.
      onProblem: () => {},
    });
  }

  /** One request at a time, and not more often than every `gapMs`; what is asked for meanwhile follows after. */
  #reload(gapMs: number): void {
    const { clock } = this.#options;
    if (this.#closing.signal.aborted) return;
    if (this.#loading) {
      this.#reloadGapMs = Math.min(gapMs, this.#reloadGapMs ?? gapMs);
      return;
    }
    const dueMs = this.#loadedAtMs + gapMs - clock.now();
    if (dueMs <= 0) {
      this.#loadNow();
      return;
    }
    if (this.#cancelReload && this.#reloadAtMs <= clock.now() + dueMs) return;
    this.#cancelReload?.();
    this.#reloadAtMs = clock.now() + dueMs;
    this.#cancelReload = clock.after(dueMs, () => this.#loadNow());
  }

  #loadNow(): void {
    this.#cancelReload?.();
    this.#cancelReload = undefined;
    this.#loading = true;
    void this.#loadUntilDone().finally(() => {
      this.#loading = false;
      this.#loadedAtMs = this.#options.clock.now();
      const gapMs = this.#reloadGapMs;
      this.#reloadGapMs = undefined;
      if (gapMs !== undefined) this.#reload(gapMs);
    });
  }

  /** Tries until service and endpoints are known. */
  async #loadUntilDone(): Promise<void> {
    const { signal } = this.#closing;
    while (!signal.aborted) {
      try {
        await this.#load(signal);
        this.#backoff.reset();
        // Where slices may not be watched, nothing reports that a missing service was created.
        if (this.#service || this.#source?.kind === "slices") return;
        await this.#backoff.wait(sharedLimits.backoffMaxMs, signal);
      } catch (error) {
        if (signal.aborted) return;
        const problem = toKtError(error, "cluster-error", `look for service "${this.#options.request.name}"`);
        // The last good endpoints stay until there is newer information.
        if (this.#resolution?.kind !== "ready" || problem.code === "forbidden") this.#become({ kind: "failed", problem });
        await this.#backoff.afterFailure(signal, retryPause(problem, this.#options.api));
      }
    }
  }

  async #load(signal: AbortSignal): Promise<void> {
    const [service, slices] = await this.#ask(signal);
    if (signal.aborted) return;
    if (service instanceof KtError) {
      this.#service = undefined;
      this.#leavePods();
      this.#become({ kind: "none", problem: service });
      return;
    }
    this.#service = service;
    if (this.#isUnsure) this.#source = { kind: "slices", leave: this.#joinWatch() };
    if (slices === "unavailable") this.#endSource();
    else if (slices) {
      this.#slices = slices;
      this.#options.sliceWatch.replace(service.name, slices);
    }
    if (this.#source?.kind !== "slices") await this.#readPods(service, signal);
    else this.#update();
  }

  /** Service and slices at once, but for a guess: most of those lead nowhere. */
  async #ask(signal: AbortSignal): Promise<readonly [Service | KtError, readonly Slice[] | "unavailable" | undefined]> {
    const asked = this.#reader.service(signal);
    if (this.#isUnsure && (await asked) instanceof KtError) return [await asked, undefined];
    return await Promise.all([asked, this.#source?.kind === "slices" ? this.#reader.slices(signal) : undefined]);
  }

  get #isUnsure(): boolean {
    return this.#source?.kind === "slices" && this.#source.leave === undefined;
  }

  /** Without slices: the pods that the service's selector matches, once directly, then watched. */
  async #readPods(service: Service, signal: AbortSignal): Promise<void> {
    const { selector } = groupOf(service, undefined, this.#scope);
    if (selector === undefined) throw this.#reader.slicesNeeded();
    if (this.#source?.kind === "pods" && this.#source.watch.selector === selector) return this.#update();
    this.#pods = await this.#reader.pods(selector, signal);
    if (signal.aborted) return;
    this.#endSource();
    const onPods = (pods: readonly Pod[]): void => {
      this.#pods = pods;
      this.#update();
    };
    this.#source = { kind: "pods", watch: this.#watchPods(selector, onPods, () => {}) };
    this.#update();
  }

  #watchPods(selector: string, onPods: (pods: readonly Pod[]) => void, onProblem: (problem: KtError) => void): PodWatch {
    const { request, api, clock, log } = this.#options;
    return new PodWatch({ api, clock, log, namespace: request.namespace, selector, onPods, onProblem });
  }

  #update(): void {
    const service = this.#service;
    if (!service || this.#closing.signal.aborted) return;
    const { request } = this.#options;
    const port = findServicePort(service, request.port, request.protocol, request.otherwise);
    if (port instanceof KtError) this.#become({ kind: "none", problem: port });
    else if (this.#source?.kind === "pods") this.#become(resolvePods(groupOf(service, port, this.#scope), this.#pods, this.#scope));
    else this.#updateFromSlices(service, port);
  }

  #updateFromSlices(service: Service, port: ServicePort | undefined): void {
    const slices = this.#named(this.#slices);
    if (slices === undefined) return;
    const outcome = resolveSlices(service, slices, port);
    if (outcome.kind === "unready") this.#unready(service);
    else {
      this.#leavePods();
      const unknown = outcome.kind === "none" ? this.#endpointPods?.problem : undefined;
      this.#become(unknown ? { kind: "failed", problem: unknown } : outcome);
    }
  }

  /** The slices with all their pods; undefined while some are being looked for. */
  #named(slices: readonly Slice[]): readonly Slice[] | undefined {
    if (!this.#endpointPods && !hasNameless(slices)) return slices;
    const { api, clock, log, request } = this.#options;
    this.#endpointPods ??= new EndpointPods({ api, clock, log, namespace: request.namespace, onChange: () => this.#update() });
    return this.#endpointPods.named(slices);
  }

  /** Says what its pods are doing, for as long as none is ready. */
  #unready(service: Service): void {
    const { selector } = groupOf(service, undefined, this.#scope);
    // Until the pods have been looked at: what was ready is no longer, and a successor is the rule.
    if (this.#resolution?.kind === "ready") this.#become({ kind: "coming", problem: unexplained(service, true, this.#scope).problem });
    // The service may be another one by now: its slices do not show that while it has no pods.
    this.#reload(kubeLimits.serviceRecheckMs);
    if (selector === undefined) this.#become(this.#unexplained(service));
    else if (this.#unreadyPods?.selector !== selector) this.#watchUnready(selector);
  }

  #watchUnready(selector: string): void {
    this.#leavePods();
    this.#unreadyPods = this.#watchPods(
      selector,
      (pods) => {
        const service = this.#service;
        if (service) this.#become(explainPods(groupOf(service, undefined, this.#scope), pods, this.#scope));
      },
      ({ code }) => {
        const service = this.#service;
        if (service && (code === "forbidden" || this.#resolution === undefined)) this.#become(this.#unexplained(service));
      },
    );
  }

  #leavePods(): void {
    this.#unreadyPods?.close();
    this.#unreadyPods = undefined;
  }

  /** For when the pods may not be looked at, or nothing says which they are. */
  #unexplained(service: Service): Resolution {
    const starting = this.#slices.some(({ endpoints }) => endpoints.some(({ ready, terminating }) => !ready && !terminating));
    return unexplained(service, starting, this.#scope);
  }

  #become(next: Resolution): void {
    if (this.#closing.signal.aborted || sameResolution(this.#resolution, next)) return;
    this.#resolution = next;
    this.#options.onChange(next);
  }
}

/** The ports that a service's slices lead to and what they speak, as one text; another one where there is no slice at all. */
function shapeOf(slices: readonly Slice[]): string {
  if (slices.length === 0) return "none";
  const ports = slices.flatMap((slice) => slice.ports.map(({ name, port, appProtocol = "" }) => `${name}=${port} ${appProtocol}`));
  return [...new Set(ports)].sort().join(",");
}

function sameEndpoint(a: Endpoint, b: Endpoint | undefined): boolean {
  return a.pod === b?.pod && a.port === b.port && a.address === b.address && a.appProtocol === b.appProtocol;
}

/** Equal to those that follow it. */
export function sameResolution(a: Resolution | undefined, b: Resolution): boolean {
  if (a?.kind !== b.kind) return false;
  if (a.kind === "ready" && b.kind === "ready") {
    return a.endpoints.length === b.endpoints.length && a.endpoints.every((endpoint, at) => sameEndpoint(endpoint, b.endpoints[at]));
  }
  return a.kind !== "ready" && b.kind !== "ready" && sameProblem(a.problem, b.problem);
}

/** Also in what to do about it: a service that was renamed is suggested from then on. */
function sameProblem(a: KtError, b: KtError): boolean {
  return a.code === b.code && a.message === b.message && a.hints.join("\n") === b.hints.join("\n");
}
