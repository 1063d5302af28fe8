/** The namespaces of a profile's [[forward]]s as they are now: which there are, what each has, and what keeps them from being known. */

import type { Clock } from "#base/clock.ts";
import type { KtError } from "#base/errors.ts";
import type { Rules, SeenNamespace } from "./forwarded.ts";
import { globMatcher, isGlob } from "#base/glob.ts";
import { discoveryLimits } from "./limits.ts";
import type { Polling } from "#kube/objects/types.ts";
import { type DiscoveredCluster, NamespaceWatch } from "./namespace-watch.ts";
import type { Naming } from "./names.ts";

/** One [[forward]], with its cluster. */
export interface Forward extends Rules {
  readonly cluster: DiscoveredCluster;
  /** Names and globs; undefined is the cluster's own. */
  readonly namespaces: readonly string[] | undefined;
  readonly selector: string | undefined;
  readonly naming: Naming;
}

/** A namespace, and what is known of it besides its services. */
export interface DiscoveredNamespace extends SeenNamespace {
  readonly problem: KtError | undefined;
  readonly slicesProblem: KtError | undefined;
  /** Undefined where it is watched. */
  readonly polling: Polling | undefined;
  readonly isMissing: boolean;
}

export interface Discovered {
  /** In the order of the profile; those that a glob stands for by name. */
  readonly namespaces: readonly DiscoveredNamespace[];
  /** Of globs: why it is not known which namespaces there are. */
  readonly problems: readonly { readonly context: string; readonly globs: readonly string[]; readonly problem: KtError }[];
}

export interface DiscoveryOptions {
  readonly forwards: readonly Forward[];
  readonly clock: Clock;
  /** Something is another now; called once for changes that come together. */
  readonly onChange: () => void;
}

export class Discovery {
  readonly #options: DiscoveryOptions;
  readonly #watched: ForwardWatch[];
  #cancelTell: (() => void) | undefined;

  constructor(options: DiscoveryOptions) {
    this.#options = options;
    const onListed = (): void => {
      this.#share();
      this.#changed();
    };
    this.#watched = options.forwards.map((forward) => new ForwardWatch(forward, options.clock, onListed, () => this.#changed()));
    this.#share();
  }

  current(): Discovered {
    return {
      namespaces: this.#watched.flatMap((watched) => watched.namespaces()),
      problems: this.#watched.flatMap((watched) => watched.problems()),
    };
  }

  /** Everything is listed, or it is known why not. */
  get isComplete(): boolean {
    return this.#watched.every(({ isComplete }) => isComplete);
  }

  close(): void {
    this.#cancelTell?.();
    this.#cancelTell = undefined;
    for (const watched of this.#watched) watched.close();
  }

  #changed(): void {
    this.#cancelTell ??= this.#options.clock.after(discoveryLimits.settleMs, () => {
      this.#cancelTell = undefined;
      this.#options.onChange();
    });
  }

  /** A namespace that two [[forward]]s have is the first one's. */
  #share(): void {
    const taken = new Set<string>();
    for (const watched of this.#watched) watched.watch(taken);
  }
}

/** One [[forward]]: its namespaces, and the names that its globs stand for. */
class ForwardWatch {
  readonly #forward: Forward;
  readonly #clock: Clock;
  readonly #onListed: () => void;
  readonly #onChange: () => void;
  readonly #rules: Rules;
  readonly #literal: readonly string[];
  readonly #globs: readonly string[];
  readonly #isMeant: (name: string) => boolean;
  readonly #closeList: () => void;
  readonly #watches = new Map<string, NamespaceWatch>();
  /** Undefined until there is a list. */
  #listed: readonly string[] | undefined;
  #problem: KtError | undefined;

  /** `onListed`: other namespaces may be meant now. */
  constructor(forward: Forward, clock: Clock, onListed: () => void, onChange: () => void) {
    this.#forward = forward;
    this.#clock = clock;
    this.#onListed = onListed;
    this.#onChange = onChange;
    const names = forward.namespaces ?? [forward.cluster.namespace];
    this.#literal = names.filter((name) => !isGlob(name));
    this.#globs = names.filter(isGlob);
    this.#isMeant = globMatcher(this.#globs);
    this.#rules = { include: forward.include, exclude: forward.exclude, ports: forward.ports };
    this.#closeList = this.#globs.length === 0 ? () => {} : this.#list();
  }

  /** Watches the namespaces of its own that are not taken, and takes them. */
  watch(taken: Set<string>): void {
    const wanted = this.#wanted().filter((name) => !taken.has(this.#keyOf(name)));
    for (const name of wanted) taken.add(this.#keyOf(name));
    for (const [name, watch] of this.#watches) if (!wanted.includes(name)) this.#drop(name, watch);
    for (const name of wanted) if (!this.#watches.has(name)) this.#watches.set(name, this.#open(name));
  }

  namespaces(): DiscoveredNamespace[] {
    const { cluster, naming } = this.#forward;
    const rules = this.#rules;
    return this.#wanted().flatMap((namespace) => {
      const watch = this.#watches.get(namespace);
      if (!watch) return [];
      const { services, slices, problem, slicesProblem, polling, isMissing } = watch;
      return [{ context: cluster.context, namespace, rules, naming, services, slices, problem, slicesProblem, polling, isMissing }];
    });
  }

  get isComplete(): boolean {
    const isListed = this.#globs.length === 0 || this.#listed !== undefined || this.#problem !== undefined;
    return isListed && [...this.#watches.values()].every(({ services, problem }) => services !== undefined || problem !== undefined);
  }

  problems(): Discovered["problems"] {
    return this.#problem === undefined ? [] : [{ context: this.#forward.cluster.context, globs: this.#globs, problem: this.#problem }];
  }

  close(): void {
    this.#closeList();
    for (const [name, watch] of this.#watches) this.#drop(name, watch);
  }

  #keyOf(namespace: string): string {
    return `${this.#forward.cluster.context}\0${namespace}`;
  }

  #wanted(): string[] {
    return [...new Set([...this.#literal, ...(this.#listed ?? []).filter(this.#isMeant).toSorted()])];
  }

  #list(): () => void {
    return this.#forward.cluster.collect({
      kind: "namespaces",
      listener: {
        onItems: (items) => {
          this.#listed = items.map(({ name }) => name);
          this.#problem = undefined;
          this.#onListed();
        },
        onProblem: (problem) => {
          this.#problem = problem;
          this.#onChange();
        },
        onPolled: () => {},
      },
    });
  }

  #open(namespace: string): NamespaceWatch {
    const { cluster, selector, include } = this.#forward;
    const names = include.length === 0 || include.some(isGlob) ? undefined : include;
    return new NamespaceWatch({ cluster, namespace, selector, names, clock: this.#clock, onChange: this.#onChange });
  }

  #drop(name: string, watch: NamespaceWatch): void {
    watch.close();
    this.#watches.delete(name);
  }
}
