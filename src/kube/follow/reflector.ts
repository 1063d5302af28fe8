/** Keeps a copy of a list of objects: lists, watches from there, begins again where it stopped, and polls where watching is not allowed. */

import { retryPause } from "./retry-pause.ts";
import type { Clock } from "#base/clock.ts";
import { KtError, toKtError } from "#base/errors.ts";
import { kubeLimits } from "#kube/limits.ts";
import type { Log } from "#base/log.ts";
import type { Api } from "#kube/api/api.ts";
import { type Access, StatusError } from "#kube/api/api-problem.ts";
import { Backoff } from "#base/backoff.ts";
import { type Listed, listAll } from "#kube/api/listing.ts";
import type { RawObject, WatchEvent } from "#kube/objects/objects.ts";

interface Named {
  readonly name: string;
}

export interface ReflectorOptions<Item extends Named> {
  readonly api: Api;
  readonly clock: Clock;
  readonly log: Log;
  /** Of the collection, e.g. "/api/v1/namespaces/shop/pods". */
  readonly path: string;
  /** Selectors. */
  readonly query: Readonly<Record<string, string>>;
  readonly access: Omit<Access, "verb">;
  /** When only this object is wanted: it is asked for by name where listing is not allowed. */
  readonly single?: string;
  /** Where the list is empty that is the answer, and nothing is watched. */
  readonly endsIfEmpty?: boolean;
  readonly pick: (raw: RawObject) => Item;
  readonly listener: ReflectorListener<Item>;
}

export interface ReflectorListener<Item> {
  /** The whole list, after each listing. */
  onList(items: readonly Item[]): void;
  onItem(item: Item, deleted: boolean): void;
  /** It cannot be listed or watched now; trying goes on. */
  onProblem(problem: KtError): void;
  /** It may not be watched, and is listed every few seconds instead. */
  onWatchForbidden?(): void;
  /** A watch goes on from what is known: what was wrong is over. */
  onWatching?(): void;
}

/** HTTP 410: the version is too old to go on from. */
const gone = 410;
/** A watch that ends sooner counts as a failure: else a broken server would be asked without pause. */
const shortestWatchMs = 1000;

export class Reflector<Item extends Named> {
  readonly #options: ReflectorOptions<Item>;
  readonly #closing = new AbortController();
  readonly #backoff: Backoff;
  #version: string | undefined;
  #watchAllowed = true;
  #watching: AbortController | undefined;
  #heardAtMs = 0;
  /** Objects that are there, by what was listed and heard since. */
  #count = 0;

  constructor(options: ReflectorOptions<Item>) {
    this.#options = options;
    this.#backoff = new Backoff(options.clock);
    void this.#run();
  }

  close(): void {
    this.#closing.abort();
  }

  /** The copy may be old: ends a pause between tries, and replaces a connection that was silent for a while. */
  doubt(): void {
    if (this.#backoff.skip()) return;
    if (this.#options.clock.now() - this.#heardAtMs >= kubeLimits.watchDoubtMs) this.restart();
  }

  /** Ends a pause between tries. */
  wake(): void {
    this.#backoff.skip();
  }

  /** Watches on over a new connection. */
  restart(): void {
    this.#watching?.abort();
  }

  async #run(): Promise<void> {
    const { signal } = this.#closing;
    while (!signal.aborted) {
      try {
        if (this.#version === undefined) await this.#list(signal);
        if (signal.aborted) return;
        if (this.#watchAllowed) await this.#watch(signal);
        else await this.#poll(signal);
      } catch (error) {
        if (!signal.aborted) await this.#failed(toKtError(error, "cluster-error", `watch ${this.#options.access.resource}`), signal);
      }
    }
  }

  async #failed(problem: KtError, signal: AbortSignal): Promise<void> {
    const { listener, log, access } = this.#options;
    log("debug", "watch-failed", { resource: access.resource, namespace: access.namespace, reason: problem.message });
    const isGone = problem instanceof StatusError && problem.status === gone;
    if (isGone) this.#version = undefined;
    else listener.onProblem(problem);
    const pause = retryPause(problem, this.#options.api);
    await this.#backoff.afterFailure(signal, isGone ? { ...pause, leastMs: kubeLimits.refusedRetryMs } : pause);
  }

  async #list(signal: AbortSignal): Promise<void> {
    const { items: listed, version } = await this.#fetchList(signal);
    if (signal.aborted) return;
    const { single } = this.#options;
    const items = single === undefined ? listed : listed.filter(({ name }) => name === single);
    this.#version = version ?? "0";
    this.#count = items.length;
    this.#heardAtMs = this.#options.clock.now();
    if (items.length === 0 && this.#options.endsIfEmpty) this.close();
    this.#options.listener.onList(items);
  }

  async #fetchList(signal: AbortSignal): Promise<Listed<Item>> {
    const { api, path, query, access, single, pick } = this.#options;
    try {
      return await listAll({ api, path, query, access: { ...access, verb: "list" }, pick }, signal);
    } catch (error) {
      if (single === undefined || !(error instanceof StatusError) || error.status !== 403) throw error;
      return await this.#fetchSingle(single, signal);
    }
  }

  async #fetchSingle(name: string, signal: AbortSignal): Promise<Listed<Item>> {
    const { api, path, access, pick } = this.#options;
    try {
      const object = await api.get(`${path}/${name}`, { ...access, verb: "get", name }, signal);
      this.#watchAllowed = false;
      return { items: [pick(object as RawObject)], version: undefined };
    } catch (error) {
      if (!(error instanceof StatusError) || error.status !== 404) throw error;
      this.#watchAllowed = false;
      return { items: [], version: undefined };
    }
  }

  async #poll(signal: AbortSignal): Promise<void> {
    this.#backoff.reset();
    await this.#backoff.wait(kubeLimits.pollIntervalMs, signal);
    this.#version = undefined;
  }

  async #watch(signal: AbortSignal): Promise<void> {
    const { clock } = this.#options;
    const controller = new AbortController();
    const onAbort = (): void => controller.abort();
    signal.addEventListener("abort", onAbort, { once: true });
    this.#watching = controller;
    const startedMs = clock.now();
    // The pause after it does not count as a part of the watch.
    const ended = (): boolean => {
      const wasLong = clock.now() - startedMs >= shortestWatchMs;
      if (wasLong) this.#backoff.reset();
      return wasLong;
    };
    try {
      await this.#watchOnce(controller);
      if (!ended()) await this.#backoff.afterFailure(signal, { leastMs: kubeLimits.refusedRetryMs });
    } catch (error) {
      ended();
      if (controller.signal.aborted) return;
      if (!(error instanceof StatusError) || error.status !== 403) throw error;
      this.#options.log("info", "watch-forbidden", { resource: this.#options.access.resource, namespace: this.#options.access.namespace });
      this.#watchAllowed = false;
      this.#options.listener.onWatchForbidden?.();
    } finally {
      this.#watching = undefined;
      signal.removeEventListener("abort", onAbort);
    }
  }

  async #watchOnce(controller: AbortController): Promise<void> {
    const { api, path, query, access, clock } = this.#options;
    const timeoutSeconds = String(kubeLimits.watchTimeoutMs / 1000);
    const version = this.#version ?? "";
    const search = new URLSearchParams({ ...query, watch: "1", allowWatchBookmarks: "true", resourceVersion: version, timeoutSeconds });
    let refusal: KtError | undefined;
    const listener = {
      onOpen: () => {
        this.#heardAtMs = clock.now();
        this.#options.listener.onWatching?.();
      },
      onEvent: (text: string) => {
        this.#heardAtMs = clock.now();
        if (controller.signal.aborted || refusal) return;
        refusal = this.#take(text);
        if (refusal) controller.abort();
      },
    };
    try {
      await api.watch(`${path}?${search}`, { ...access, verb: "watch" }, listener, controller.signal);
    } catch (error) {
      if (!refusal) throw error;
    }
    if (refusal) this.#refused(refusal);
  }

  /** An ERROR event: mostly that the version is too old, and then listing again mends it at once. */
  #refused(refusal: KtError): void {
    this.#version = undefined;
    if (!(refusal instanceof StatusError) || refusal.status !== gone) this.#options.listener.onProblem(refusal);
  }

  /** Takes in one event; returns the error that it carries, or that it is one too many. */
  #take(text: string): KtError | undefined {
    const { pick, listener, access } = this.#options;
    const event: WatchEvent<RawObject> = JSON.parse(text);
    const { type, object } = event;
    if (type === "ERROR") {
      const words = object?.message ?? "no reason given";
      return new StatusError(
        "cluster-error",
        `watching ${access.resource} in namespace "${access.namespace}" ended: ${words}`,
        object?.code ?? 500,
        true,
        { words },
      );
    }
    this.#version = object?.metadata?.resourceVersion ?? this.#version;
    if (type === "ADDED") this.#count += 1;
    else if (type === "DELETED") this.#count -= 1;
    if (this.#count > kubeLimits.apiListItems)
      return new KtError("cluster-error", `watching ${access.resource} in namespace "${access.namespace}" has no end`);
    if (object && (type === "ADDED" || type === "MODIFIED" || type === "DELETED")) listener.onItem(pick(object), type === "DELETED");
    return undefined;
  }
}
