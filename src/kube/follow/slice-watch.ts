/** The EndpointSlices of all followed services of one namespace, over one watch. */

import { collectionPath } from "#kube/objects/workload.ts";
import type { Clock } from "#base/clock.ts";
import type { KtError } from "#base/errors.ts";
import { kubeLimits } from "#kube/limits.ts";
import type { Log } from "#base/log.ts";
import type { Api } from "#kube/api/api.ts";
import { pickSlice, type Slice, sliceServiceLabel } from "#kube/objects/objects.ts";
import { Reflector } from "./reflector.ts";

export interface SliceListener {
  onSlices(slices: readonly Slice[]): void;
  onProblem(problem: KtError): void;
}

export interface SliceWatchOptions {
  readonly api: Api;
  readonly clock: Clock;
  readonly log: Log;
  readonly namespace: string;
}

/** A watch over some services, or over all of the namespace when there are too many for a selector. */
interface Group {
  readonly services: ReadonlySet<string> | "all";
  readonly reflector: Reflector<Slice>;
  /** By service, then by the slice's name. */
  readonly slices: Map<string, Map<string, Slice>>;
}

/** Of a namespace's slices, by collection path. */
export const slicesPath = (namespace: string): string => collectionPath("discovery.k8s.io", namespace, "endpointslices");

export class SliceWatch {
  readonly #options: SliceWatchOptions;
  readonly #listeners = new Map<string, Set<SliceListener>>();
  #current: Group | undefined;
  /** Takes over once it has listed. */
  #next: Group | undefined;
  #cancelRegroup: (() => void) | undefined;

  constructor(options: SliceWatchOptions) {
    this.#options = options;
  }

  get unused(): boolean {
    return this.#listeners.size === 0;
  }

  /** Notifies the listener of changes until the returned function is called. The first news comes when the watch has regrouped. */
  join(service: string, listener: SliceListener): () => void {
    const listeners = this.#listeners.get(service) ?? new Set();
    this.#listeners.set(service, listeners.add(listener));
    this.#regroupSoon();
    return () => {
      listeners.delete(listener);
      if (listeners.size === 0 && this.#listeners.get(service) === listeners) this.#listeners.delete(service);
      if (this.#listeners.size === 0) this.close();
    };
  }

  /** A service's slices were read directly: later events are changes to these. */
  replace(service: string, slices: readonly Slice[]): void {
    this.#current?.slices.set(service, new Map(slices.map((slice) => [slice.name, slice])));
  }

  doubt(): void {
    this.#current?.reflector.doubt();
    this.#next?.reflector.doubt();
  }

  wake(): void {
    this.#current?.reflector.wake();
    this.#next?.reflector.wake();
  }

  /** Forgets what is known and asks anew, as for another cluster. */
  restart(): void {
    this.close();
    this.#regroup();
  }

  close(): void {
    this.#cancelRegroup?.();
    this.#cancelRegroup = undefined;
    this.#current?.reflector.close();
    this.#next?.reflector.close();
    this.#current = undefined;
    this.#next = undefined;
  }

  #regroupSoon(): void {
    if (this.#cancelRegroup || this.#covered(this.#next ?? this.#current)) return;
    this.#cancelRegroup = this.#options.clock.after(kubeLimits.watchRegroupMs, () => {
      this.#cancelRegroup = undefined;
      this.#regroup();
    });
  }

  #covered(group: Group | undefined): boolean {
    if (!group) return false;
    const { services } = group;
    return services === "all" || [...this.#listeners.keys()].every((service) => services.has(service));
  }

  #regroup(): void {
    if (this.#listeners.size === 0 || this.#covered(this.#next ?? this.#current)) return;
    this.#next?.reflector.close();
    this.#next = this.#open([...this.#listeners.keys()].sort());
  }

  #open(services: readonly string[]): Group {
    const { api, clock, log, namespace } = this.#options;
    const selector = `${sliceServiceLabel} in (${services.join(",")})`;
    const all = selector.length > kubeLimits.watchSelectorBytes;
    const slices: Group["slices"] = new Map();
    const reflector = new Reflector<Slice>({
      api,
      clock,
      log,
      path: slicesPath(namespace),
      query: { labelSelector: all ? sliceServiceLabel : selector },
      access: { resource: "endpointslices", group: "discovery.k8s.io", namespace },
      pick: pickSlice,
      listener: {
        onList: (items) => this.#listed(group, items),
        onItem: (slice, deleted) => this.#changed(group, slice, deleted),
        onProblem: (problem) => this.#failed(problem),
      },
    });
    const group: Group = { services: all ? "all" : new Set(services), reflector, slices };
    return group;
  }

  #listed(group: Group, items: readonly Slice[]): void {
    group.slices.clear();
    for (const slice of items) slicesOf(group, slice.service).set(slice.name, slice);
    if (group === this.#next) {
      this.#current?.reflector.close();
      this.#current = group;
      this.#next = undefined;
    }
    for (const service of this.#listeners.keys()) this.#tell(group, service);
  }

  #changed(group: Group, slice: Slice, deleted: boolean): void {
    const slices = slicesOf(group, slice.service);
    if (deleted) slices.delete(slice.name);
    else slices.set(slice.name, slice);
    this.#tell(group, slice.service);
  }

  #tell(group: Group, service: string): void {
    if (group !== this.#current || (group.services !== "all" && !group.services.has(service))) return;
    const slices = [...(group.slices.get(service)?.values() ?? [])];
    for (const listener of this.#listeners.get(service) ?? []) listener.onSlices(slices);
  }

  #failed(problem: KtError): void {
    for (const listeners of [...this.#listeners.values()]) for (const listener of [...listeners]) listener.onProblem(problem);
  }
}

function slicesOf(group: Group, service: string): Map<string, Slice> {
  const known = group.slices.get(service);
  if (known) return known;
  const fresh = new Map<string, Slice>();
  group.slices.set(service, fresh);
  return fresh;
}
