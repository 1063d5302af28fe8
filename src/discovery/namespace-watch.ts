/** What one namespace has: its services, and the slices of those without an address of their own, over one watch each. */

import type { Clock } from "#base/clock.ts";
import { type KtError, withHints } from "#base/errors.ts";
import type { Service, Slice } from "#kube/objects/objects.ts";
import type { Cluster, CollectionListener, Polling } from "#kube/objects/types.ts";
import { discoveryLimits } from "./limits.ts";

/** What discovery needs of a cluster. */
export type DiscoveredCluster = Pick<Cluster, "context" | "server" | "namespace" | "collect" | "hasNamespace">;

export interface NamespaceWatchOptions {
  readonly cluster: DiscoveredCluster;
  readonly namespace: string;
  readonly selector: string | undefined;
  /** The services that are wanted, where each is named. */
  readonly names: readonly string[] | undefined;
  readonly clock: Clock;
  readonly onChange: () => void;
}

export class NamespaceWatch {
  readonly #options: NamespaceWatchOptions;
  readonly #closing = new AbortController();
  readonly #closeServices: () => void;
  #closeSlices: (() => void) | undefined;
  #cancelCheck = (): void => {};
  /** Undefined until they are listed. */
  services: readonly Service[] | undefined;
  slices: readonly Slice[] = [];
  /** Why services or slices are not known, or not known any more. */
  problem: KtError | undefined;
  /** Why pods of headless services are not known. */
  slicesProblem: KtError | undefined;
  /** Undefined where it is watched. */
  polling: Polling | undefined;
  isMissing = false;

  constructor(options: NamespaceWatchOptions) {
    this.#options = options;
    const { cluster, namespace, selector, names } = options;
    const listener: CollectionListener<Service> = {
      onItems: (services) => this.#listed(services),
      onProblem: (problem) => this.#changed(() => (this.problem = names === undefined ? withRemedy(problem) : problem)),
      onPolled: (polling) => this.#changed(() => (this.polling = polling)),
    };
    this.#closeServices = cluster.collect({ kind: "services", namespace, selector, names, listener });
  }

  close(): void {
    this.#closing.abort();
    this.#cancelCheck();
    this.#closeServices();
    this.#closeSlices?.();
  }

  #changed(change: () => void): void {
    if (this.#closing.signal.aborted) return;
    change();
    this.#options.onChange();
  }

  #listed(services: readonly Service[]): void {
    const isFirst = this.services === undefined;
    this.#changed(() => {
      // Of a first list without services it is only known with the next answer whether the namespace is there.
      if (!isFirst || services.length > 0) this.services = services;
      this.problem = undefined;
    });
    if (services.some(({ headless }) => headless)) this.#watchSlices();
    if (services.length === 0) void this.#lookForNamespace();
    else this.#found();
  }

  #watchSlices(): void {
    const { cluster, namespace } = this.#options;
    if (this.#closing.signal.aborted) return;
    const listener: CollectionListener<Slice> = {
      onItems: (slices) =>
        this.#changed(() => {
          this.slices = slices;
          this.slicesProblem = undefined;
        }),
      onProblem: (problem) => this.#changed(() => (this.slicesProblem = problem)),
      onPolled: (polling) => this.#changed(() => (this.polling = polling)),
    };
    this.#closeSlices ??= cluster.collect({ kind: "headless-slices", namespace, listener });
  }

  #found(): void {
    this.#cancelCheck();
    if (this.isMissing) this.#changed(() => (this.isMissing = false));
  }

  /** A namespace that is not there has an empty list like any other. */
  async #lookForNamespace(): Promise<void> {
    const { cluster, namespace, clock } = this.#options;
    const { signal } = this.#closing;
    this.#cancelCheck();
    const isMissing = (await cluster.hasNamespace(namespace, signal)) === false;
    if (signal.aborted || (this.services?.length ?? 0) > 0) return;
    if (this.services === undefined || isMissing !== this.isMissing)
      this.#changed(() => {
        this.services ??= [];
        this.isMissing = isMissing;
      });
    if (!isMissing) return;
    this.#cancelCheck = clock.after(discoveryLimits.missingCheckMs, () => void this.#lookForNamespace());
  }
}

/** What needs fewer rights than a list. */
function withRemedy(problem: KtError): KtError {
  if (problem.code !== "forbidden") return problem;
  return withHints(problem, [...problem.hints, 'or name the services: include = ["api", "db"] needs only the right to get them']);
}
