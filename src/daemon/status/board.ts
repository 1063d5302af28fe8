/** Keeps the status of everything in a store: what may have changed is marked, and only that is read again when it is asked for. */

import { deepEquals } from "bun";
import type { HubStatus, ProfileHead, ProfileStatus, RouteStatus } from "#control/api.ts";
import type { KtEvent } from "#observe/events.ts";
import { StatusStore } from "#observe/store.ts";
import type { Target } from "#route/target.ts";
import { ProfileEntry, type RouteEntry } from "./entries.ts";
import type { AttachedProfile } from "#daemon/plans/profiles.ts";
import { PlanView, type Running } from "./plan-view.ts";

/** The status in the parts in which it changes. `order`: the place among the profiles, or among the routes of a profile. */
export type StatusPart =
  | { readonly part: "hub"; readonly hub: HubStatus }
  | { readonly part: "profile"; readonly order: number; readonly profile: ProfileHead }
  | { readonly part: "route"; readonly order: number; readonly profile: string; readonly route: RouteStatus };

export class StatusBoard {
  readonly #running: Running;
  readonly #store = new StatusStore<StatusPart>(deepEquals);
  readonly #profiles = new Map<string, ProfileEntry>();
  /** By the key of their targets. */
  readonly #byTarget = new Map<string, Set<RouteEntry>>();
  /** What must be read again. */
  readonly #routes = new Set<RouteEntry>();
  readonly #heads = new Set<ProfileEntry>();
  /** Profiles whose context may be another one now. */
  readonly #contexts = new Set<ProfileEntry>();
  /** Something may have changed. */
  onMark: () => void = () => {};

  constructor(running: Running) {
    this.#running = running;
    running.counters.onChange = () => this.onMark();
  }

  /** The store with what is true now. */
  current(): StatusStore<StatusPart> {
    this.#refresh();
    return this.#store;
  }

  /** Addresses of this machine are shown, which come and go without an event. */
  get isExposed(): boolean {
    return [...this.#profiles.values()].some(({ view }) => view.isExposed);
  }

  profiles(): ProfileStatus[] {
    const store = this.current();
    return [...this.#profiles.values()].flatMap((entry) => {
      const head = store.get(entry.key);
      return head?.part === "profile" ? [{ ...head.profile, routes: this.#statuses(entry) }] : [];
    });
  }

  apply(profiles: readonly AttachedProfile[]): void {
    const before = new Set(this.#keys());
    this.#profiles.clear();
    for (const marks of [this.#byTarget, this.#routes, this.#heads, this.#contexts]) marks.clear();
    for (const [order, { plan }] of profiles.entries()) {
      const entry = new ProfileEntry(new PlanView(this.#running, plan), order);
      this.#profiles.set(plan.profile, entry);
      for (const name of this.#running.counters.used(plan.profile)) if (entry.named(name).length === 0) entry.addDynamic(name);
      for (const route of entry.routes()) this.#index(route);
    }
    for (const key of before.difference(new Set(this.#keys()))) this.#store.remove(key);
    this.#markAll();
  }

  /** What a route leads to in a cluster; undefined where it is not known, or leads elsewhere. */
  target(profile: string, route: string): Target | undefined {
    return this.#profiles.get(profile)?.named(route)[0]?.target;
  }

  /** What is known of the tunnel to a target, by its key. */
  tunnelChanged(key: string): void {
    const routes = this.#byTarget.get(key);
    if (!routes) return;
    for (const route of routes) {
      this.#routes.add(route);
      // The cluster that it opened may be another one than the kubeconfig names by now.
      this.#contexts.add(route.profile);
    }
    this.onMark();
  }

  /** Other clients hold it, or other contexts can be used. */
  profileChanged(profile: string): void {
    const entry = this.#profiles.get(profile);
    if (!entry) return;
    this.#mark(entry);
    this.#contexts.add(entry);
    this.onMark();
  }

  noteEvent({ type }: KtEvent): void {
    if (type === "listener") for (const { view } of this.#profiles.values()) view.listenersChanged();
    if (type === "listener" || type === "cluster") this.#markAll();
    if (type === "profile") for (const entry of this.#profiles.values()) this.#heads.add(entry);
    if (type === "profile" || type === "overload") this.onMark();
  }

  #refresh(): void {
    this.#noteCounted();
    for (const entry of this.#contexts) if (entry.view.contextChanged()) this.#mark(entry);
    this.#contexts.clear();
    for (const route of this.#routes) this.#readRoute(route);
    this.#routes.clear();
    for (const entry of this.#profiles.values()) if (entry.view.isExposed || this.#heads.has(entry)) this.#readHead(entry);
    this.#heads.clear();
    this.#store.put("hub", { part: "hub", hub: this.#running.hub() });
  }

  #markAll(): void {
    for (const entry of this.#profiles.values()) this.#mark(entry);
    this.onMark();
  }

  #mark(entry: ProfileEntry): void {
    this.#heads.add(entry);
    for (const route of entry.routes()) this.#routes.add(route);
  }

  #noteCounted(): void {
    const grown = new Set<ProfileEntry>();
    for (const { profile, route } of this.#running.counters.takeChanged()) {
      const entry = this.#profiles.get(profile);
      if (!entry) continue;
      const known = entry.named(route);
      for (const each of known) this.#routes.add(each);
      const added = known.length === 0 ? entry.addDynamic(route) : undefined;
      if (!added) continue;
      grown.add(entry);
      this.#index(added);
      this.#routes.add(added);
    }
    for (const entry of grown) this.#dropForgotten(entry);
  }

  #index(route: RouteEntry): void {
    if (route.targetKey === undefined) return;
    const those = this.#byTarget.get(route.targetKey);
    if (those) those.add(route);
    else this.#byTarget.set(route.targetKey, new Set([route]));
  }

  /** Of names that any client may ask for the counters keep the latest, and no others are kept here. */
  #dropForgotten(entry: ProfileEntry): void {
    const { profile } = entry.view.plan;
    for (const route of entry.dropDynamic((name) => !this.#running.counters.get(profile, name))) {
      this.#routes.delete(route);
      this.#store.remove(route.key);
      const key = route.targetKey ?? "";
      const those = this.#byTarget.get(key);
      those?.delete(route);
      if (those?.size === 0) this.#byTarget.delete(key);
    }
  }

  #readRoute({ key, order, profile, read }: RouteEntry): void {
    const route = read();
    if (route === undefined) this.#store.remove(key);
    else this.#store.put(key, { part: "route", order, profile: profile.view.plan.profile, route });
    // A problem of a context that stands at no route stands at the profile.
    if (profile.view.contextProblems.length > 0) this.#heads.add(profile);
  }

  #readHead(entry: ProfileEntry): void {
    const { key, order, view } = entry;
    const routes = view.contextProblems.length > 0 ? this.#statuses(entry) : [];
    this.#store.put(key, { part: "profile", order, profile: view.head(new Set(routes.map(({ problem }) => problem?.message ?? ""))) });
  }

  #statuses(entry: ProfileEntry): RouteStatus[] {
    return entry.routes().flatMap(({ key }) => {
      const part = this.#store.get(key);
      return part?.part === "route" ? [part.route] : [];
    });
  }

  #keys(): string[] {
    return [...this.#profiles.values()].flatMap((entry) => [entry.key, ...entry.routes().map(({ key }) => key)]);
  }
}
