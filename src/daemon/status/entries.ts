/** The entries of the status: which profiles and routes there are, and how each is read. */

import type { RouteStatus } from "#control/api.ts";
import type { PlannedPort, PlannedReverse } from "#profile/values/plan.ts";
import { portsOf } from "#profile/values/planned.ts";
import { type Destination, isInCluster, type Target, targetKey } from "#route/target.ts";
import { reverseKey } from "#daemon/plans/reverses.ts";
import type { PlanView } from "./plan-view.ts";

/** One route. */
export interface RouteEntry {
  /** In the store. */
  readonly key: string;
  readonly order: number;
  readonly profile: ProfileEntry;
  readonly name: string;
  /** Of its tunnel, or what stands for one; patterns have none. */
  readonly targetKey: string | undefined;
  /** In a cluster. */
  readonly target: Target | undefined;
  /** Undefined while it is not to be shown. */
  readonly read: () => RouteStatus | undefined;
}

/** One profile, with the routes that it writes down and the dynamic names that were used. */
export class ProfileEntry {
  readonly key: string;
  readonly order: number;
  readonly view: PlanView;
  readonly #written: readonly RouteEntry[];
  /** A name may stand in two sections. */
  readonly #byName: ReadonlyMap<string, readonly RouteEntry[]>;
  readonly #dynamic = new Map<string, RouteEntry>();
  #nextOrder: number;

  constructor(view: PlanView, order: number) {
    const { routes, patterns } = view.plan;
    const ports = portsOf(view.plan);
    this.key = `profile\u0000${view.plan.profile}`;
    this.order = order;
    this.view = view;
    this.#written = [
      ...routes.map((route, at) => this.#entry("http", at, route.name, route.target, () => view.http(route))),
      ...patterns.map((route, at) => this.#entry("pattern", routes.length + at, route.name, undefined, () => view.pattern(route))),
      ...ports.map((port, at) => this.#port(port, routes.length + patterns.length + at)),
      ...view.plan.reverses.map((each, at) => this.#reverse(each, routes.length + patterns.length + ports.length + at)),
    ];
    this.#byName = Map.groupBy(this.#written, ({ name }) => name);
    this.#nextOrder = this.#written.length;
  }

  /** In the order in which they are shown. */
  routes(): readonly RouteEntry[] {
    return [...this.#written, ...this.#dynamic.values()];
  }

  /** Those of the name; none where it is not known. */
  named(name: string): readonly RouteEntry[] {
    const dynamic = this.#dynamic.get(name);
    return this.#byName.get(name) ?? (dynamic ? [dynamic] : []);
  }

  /** A name that is not known was used; undefined where it is not a dynamic one. */
  addDynamic(name: string): RouteEntry | undefined {
    const found = this.view.findDynamic(name);
    if (!found) return undefined;
    const entry = this.#entry("dynamic", this.#nextOrder++, name, found.target, () => this.view.dynamic(name, found));
    this.#dynamic.set(name, entry);
    return entry;
  }

  /** Removes the dynamic names of which this is true, and returns them. */
  dropDynamic(isOver: (name: string) => boolean): RouteEntry[] {
    const dropped = [...this.#dynamic.values()].filter(({ name }) => isOver(name));
    for (const { name } of dropped) this.#dynamic.delete(name);
    return dropped;
  }

  #port(port: PlannedPort, order: number): RouteEntry {
    return this.#entry(port.forwarded ? "forward" : (port.target.transport ?? "tcp"), order, port.name, port.target, () =>
      this.view.port(port),
    );
  }

  /** Its target is a port of this machine. */
  #reverse(planned: PlannedReverse, order: number): RouteEntry {
    const entry = this.#entry("reverse", order, planned.name, undefined, () => this.view.reverse(planned));
    return { ...entry, targetKey: reverseKey(this.view.plan.profile, planned.name) };
  }

  #entry(kind: RouteStatus["kind"], order: number, name: string, target: Destination | undefined, read: RouteEntry["read"]): RouteEntry {
    const key = `route\u0000${this.view.plan.profile}\u0000${kind}\u0000${name}`;
    const inCluster = target && isInCluster(target) ? target : undefined;
    return { key, order, profile: this, name, targetKey: target && targetKey(target), target: inCluster, read };
  }
}
