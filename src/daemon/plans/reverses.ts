/** The [[reverse]]s of the attached profiles: services in the clusters whose connections come to ports of this machine. */

import { deepEquals } from "bun";
import type { RouteAction } from "#control/api.ts";
import type { Clock } from "#base/clock.ts";
import { KtError, toKtError } from "#base/errors.ts";
import type { Log } from "#base/log.ts";
import { command } from "#base/shell.ts";
import { daemonLimits } from "#daemon/limits.ts";
import { type Report, toProblem } from "#observe/events.ts";
import type { Cluster, FollowRequest } from "#kube/objects/types.ts";
import type { ListenAddress, Plan, PlannedReverse } from "#profile/values/plan.ts";
import type { ReverseDoor, ReverseRoute } from "#proxy/reverse-door.ts";
import type { ClusterRef } from "#route/target.ts";
import type { JumpPodHolder } from "#tunnel/jump-pod/manifest.ts";
import { hasRelay, noRelay } from "#tunnel/relay/has-relay.ts";
import { type ReverseDefinition, reverseName } from "#tunnel/reverse/manifests.ts";
import type { Reverse, ReverseOptions } from "#tunnel/reverse/reverse.ts";
import { problemOf, type Standing } from "#tunnel/standing.ts";
import type { AttachedProfile } from "./profiles.ts";
import { ReverseOutcomes, type ReverseStanding } from "./reverse-outcomes.ts";

export interface ReversesOptions {
  /** Awaited before `clusterFor`. */
  readonly prepare: () => Promise<void>;
  /** Throws KtError. */
  readonly clusterFor: (ref: ClusterRef) => Cluster;
  readonly holder: JumpPodHolder;
  /** Owns each connection. */
  readonly door: Pick<ReverseDoor, "accept" | "drain">;
  readonly clock: Clock;
  readonly log: Log;
  readonly report: Report;
  /** Another standing; by the key of the route. */
  readonly onChange: (key: string) => void;
}

/** One service with all its ports, as one profile wants it. */
interface Wanted {
  /** Of the profile, the context, the namespace and the service, as the profile writes them. */
  readonly key: string;
  readonly plan: Plan;
  readonly of: readonly PlannedReverse[];
}

interface Entry {
  /** By cluster, namespace and service. */
  readonly key: string;
  readonly cluster: Cluster;
  readonly definition: ReverseDefinition;
  readonly reverse: Reverse;
  /** By the service's port: what may change under open connections. */
  routes: ReadonlyMap<number, ReverseRoute>;
}

type MakeReverse = (options: ReverseOptions) => Reverse;

/** Where the pod of a service's relay is found. */
export interface RelayPods extends Pick<FollowRequest, "kind" | "namespace" | "name"> {
  readonly cluster: Cluster;
}

/** For what marks a route. */
export const reverseKey = (profile: string, name: string): string => `reverse\0${profile}\0${name}`;

/** A part of the hub. */
export class Reverses {
  readonly #options: ReversesOptions;
  #wanted: readonly Wanted[] = [];
  readonly #entries = new Map<string, Entry>();
  /** Of those that are not begun. */
  #problems = new Map<string, KtError>();
  readonly #ending = new Map<string, Promise<void>>();
  /** By the keys of what is wanted. */
  #stopped: ReadonlySet<string> = new Set();
  readonly #outcomes = new ReverseOutcomes();
  #isTicking = false;
  #isReleased = false;

  constructor(options: ReversesOptions) {
    this.#options = options;
  }

  apply(attached: readonly AttachedProfile[]): void {
    this.#wanted = attached.flatMap(({ plan }) => {
      const keyOf = ({ context, namespace, service }: PlannedReverse): string => [plan.profile, context, namespace, service].join("\0");
      return [...Map.groupBy(plan.reverses, keyOf)].map(([key, of]) => ({ key, plan, of }));
    });
    this.#stopped = this.#stopped.intersection(new Set(this.#wanted.map(({ key }) => key)));
  }

  /** Begins and ends what `apply` left; what that takes in the cluster is not waited for. */
  async settle(): Promise<void> {
    if (this.#wanted.length === 0 && this.#entries.size === 0) return;
    const [room] = await Promise.all([import("#tunnel/reverse/reverse.ts"), this.#options.prepare()]);
    if (!this.#isReleased) this.#reconcile((options) => new room.Reverse(options));
  }

  /** How a [[reverse]] of a profile stands. */
  standing(profile: string, { name }: PlannedReverse): ReverseStanding {
    if (this.#stopped.has(this.#find(profile, name)?.key ?? "")) return { state: "stopped" };
    const problem = this.#problems.get(reverseKey(profile, name));
    if (problem) return { state: "failed", problem: { ...toProblem(problem), sinceMs: 0 }, pods: [] };
    return this.#entryOf(profile, name)?.reverse.standing ?? { state: "starting", problem: undefined };
  }

  /** Undefined for a route that is none of these. */
  planned(profile: string, route: string): PlannedReverse | undefined {
    return this.#find(profile, route)?.of.find(({ name }) => name === route);
  }

  /**
   * All ports of the service share it. `stop` resolves when the service is as it was before, or removed; the others when it leads here,
   * and they reject with why it does not.
   */
  async act(action: RouteAction, profile: string, planned: PlannedReverse, signal: AbortSignal): Promise<void> {
    const want = this.#find(profile, planned.name);
    if (!want) return;
    this.#stopped = action === "stop" ? this.#stopped.union(new Set([want.key])) : this.#stopped.difference(new Set([want.key]));
    const entry = this.#entryOf(profile, planned.name);
    const ended = entry && action !== "start" && this.#end(entry.key);
    await this.settle();
    for (const { name } of want.of) this.#options.onChange(reverseKey(profile, name));
    if (action === "stop") await ended;
    else await this.#outcomes.next(() => this.standing(profile, planned), signal);
  }

  /** Throws KtError `reverse-failed` where there is no relay. */
  relayPods(profile: string, { name }: PlannedReverse): RelayPods {
    const entry = this.#entryOf(profile, name);
    if (!entry) throw new KtError("reverse-failed", `the service "${name}" does not lead here, and has no relay`, { hints: ["kt status"] });
    const { cluster, definition } = entry;
    return { cluster, kind: "job", namespace: definition.namespace, name: reverseName(definition) };
  }

  /** The machine was asleep. */
  wake(): void {
    for (const { reverse } of this.#entries.values()) reverse.ping();
  }

  /** Lets open connections go on for at most `deadlineMs`, then ends them. */
  drain(deadlineMs: number): Promise<void> {
    return this.#options.door.drain(deadlineMs);
  }

  /** Makes the services as they were; open connections go on. */
  async release(): Promise<void> {
    this.#isReleased = true;
    await Promise.all([...[...this.#entries.values()].map(({ reverse }) => reverse.release()), ...this.#ending.values()]);
  }

  async close(): Promise<void> {
    for (const key of [...this.#entries.keys()]) this.#end(key);
    await Promise.all(this.#ending.values());
  }

  #reconcile(make: MakeReverse): void {
    const before = this.#problems;
    this.#problems = new Map();
    const wanted = new Map<string, { readonly want: Wanted; readonly cluster: Cluster; readonly definition: ReverseDefinition }>();
    for (const want of this.#wanted) {
      const found = this.#stopped.has(want.key) ? undefined : this.#definitionOf(want);
      if (!found) continue;
      const holder = wanted.get(found.key);
      if (holder) this.#fail(want, conflict(found.definition, holder.want.plan));
      else wanted.set(found.key, { want, ...found });
    }
    for (const [key, entry] of [...this.#entries]) {
      const next = wanted.get(key);
      if (!next || next.cluster !== entry.cluster || !deepEquals(next.definition, entry.definition)) this.#end(key);
    }
    for (const [key, { want, cluster, definition }] of wanted) {
      const entry = this.#entries.get(key);
      if (entry) entry.routes = routesOf(want);
      else this.#begin({ key, cluster, definition }, want, make);
    }
    for (const key of new Set([...before.keys(), ...this.#problems.keys()])) this.#options.onChange(key);
    this.#outcomes.look();
    this.#tickLater();
  }

  /** Undefined where it cannot be begun: reported. */
  #definitionOf(want: Wanted): { readonly key: string; readonly cluster: Cluster; readonly definition: ReverseDefinition } | undefined {
    const { plan, of } = want;
    const [{ context, namespace: named, service, replace } = { context: undefined, namespace: "", service: "", replace: false }] = of;
    try {
      if (!hasRelay(plan.relay)) throw noRelay("a [[reverse]]", plan.relay);
      const cluster = this.#options.clusterFor({ profile: plan.profile, context });
      const namespace = named ?? cluster.namespace;
      const ports = of.map(({ port }) => port).toSorted((one, other) => one - other);
      const { mode: _mode, namespace: _namespace, ...relay } = plan.relay;
      const definition = { namespace, service, ports, replace, relay: { ...relay, image: plan.relay.image }, holder: this.#options.holder };
      return { key: `${cluster.server} ${namespace}/${service}`, cluster, definition };
    } catch (error) {
      this.#fail(want, toKtError(error, "reverse-failed", `lead the service "${service}" here`));
      return undefined;
    }
  }

  #fail({ plan, of }: Wanted, problem: KtError): void {
    for (const { name } of of) this.#problems.set(reverseKey(plan.profile, name), problem);
  }

  /** What is being ended has the service until then. */
  #begin({ key, cluster, definition }: Pick<Entry, "key" | "cluster" | "definition">, want: Wanted, make: MakeReverse): void {
    const ending = this.#ending.get(key);
    if (ending) {
      void ending.then(() => this.settle());
      return;
    }
    const { door, clock, log } = this.#options;
    const reverse = make({
      cluster,
      definition,
      serve: (stream, port) => {
        const route = entry.routes.get(port);
        if (route) door.accept(stream, route);
        else stream.refuse("refused", "nothing is served here");
      },
      clock,
      log,
      onChange: () => this.#changed(entry),
    });
    const entry: Entry = { key, cluster, definition, reverse, routes: routesOf(want) };
    this.#entries.set(key, entry);
  }

  /** Resolves when the service is as it was, and its relay is gone. */
  #end(key: string): Promise<void> | undefined {
    const entry = this.#entries.get(key);
    if (!entry) return undefined;
    this.#entries.delete(key);
    if (entry.reverse.standing.state === "running") this.#report(entry, "ended");
    const done: Promise<void> = entry.reverse.end().finally(() => this.#ending.delete(key));
    this.#ending.set(key, done);
    return done;
  }

  #find(profile: string, route: string): Wanted | undefined {
    return this.#wanted.find(({ plan, of }) => plan.profile === profile && of.some(({ name }) => name === route));
  }

  #entryOf(profile: string, name: string): Entry | undefined {
    const isOf = (each: ReverseRoute): boolean => each.profile === profile && each.route === name;
    return [...this.#entries.values()].find(({ routes }) => [...routes.values()].some(isOf));
  }

  #changed(entry: Entry): void {
    const { standing } = entry.reverse;
    if (standing.state === "running") this.#report(entry, "running", standing);
    else if (standing.state === "failed") this.#report(entry, "failed", standing);
    for (const { profile, route } of entry.routes.values()) this.#options.onChange(reverseKey(profile, route));
    this.#outcomes.look();
  }

  #report({ routes }: Entry, change: "running" | "failed" | "ended", standing?: Standing): void {
    const pod = standing?.state === "running" ? standing.pod : undefined;
    const problem = problemOf(standing);
    for (const { profile, route } of routes.values()) this.#options.report({ type: "reverse", route, profile, change, pod, problem });
  }

  #tickLater(): void {
    if (this.#isTicking || this.#entries.size === 0) return;
    this.#isTicking = true;
    const { clock } = this.#options;
    clock.after(daemonLimits.reverseTickMs, () => {
      this.#isTicking = false;
      for (const { reverse } of this.#entries.values()) reverse.tick(clock.now());
      this.#tickLater();
    });
  }
}

function routesOf({ plan, of }: Wanted): ReadonlyMap<number, ReverseRoute> {
  const routeOf = (name: string, local: readonly ListenAddress[]): ReverseRoute => ({ profile: plan.profile, route: name, local });
  return new Map(of.map(({ name, port, local }) => [port, routeOf(name, local)]));
}

function conflict({ namespace, service }: ReverseDefinition, { name, profile }: Plan): KtError {
  return new KtError("route-conflict", `the service "${namespace}/${service}" is already claimed by profile "${name}" (${profile})`, {
    hints: [command`kt down -f ${profile}`],
  });
}
