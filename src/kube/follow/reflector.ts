/** Keeps a copy of a list of objects: lists, watches from there, begins again where it stopped, and polls where watching is not allowed. */

import { deepEquals } from "bun";
import { retryPause } from "./retry-pause.ts";
import type { Clock } from "#base/clock.ts";
import { KtError, toKtError } from "#base/errors.ts";
import { kubeLimits } from "#kube/limits.ts";
import type { Log } from "#base/log.ts";
import type { Api } from "#kube/api/api.ts";
import { type Access, isStatus, StatusError } from "#kube/api/api-problem.ts";
import { Backoff } from "#base/backoff.ts";
import { type Listed, listAll } from "#kube/api/listing.ts";
import type { RawObject, WatchEvent } from "#kube/objects/objects.ts";
import type { Polling } from "#kube/objects/types.ts";

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
  /** Objects that are listed at once; default: `apiPageItems`. */
  readonly pageItems?: number | undefined;
  /** When only this object is wanted: it is asked for by name where listing is not allowed. */
  readonly single?: string;
  /** The objects that are wanted of all, where it is known: they are asked for one by one where listing is not allowed. */
  readonly oneByOne?: readonly string[] | undefined;
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
  /** It may not be watched, and is asked for every few seconds instead; undefined where it may be again. */
  onPolled?(polling: Polling | undefined): void;
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
  /** Undefined while it may be watched, as far as is known. */
  #polling: Polling | undefined;
  #watchRefusedMs = 0;
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
        if (this.#polling === undefined) await this.#watch(signal);
        else await this.#poll(this.#polling, signal);
      } catch (error) {
        if (!signal.aborted) await this.#failed(toKtError(error, "cluster-error", `watch ${this.#options.access.resource}`), signal);
      }
    }
  }

  async #failed(problem: KtError, signal: AbortSignal): Promise<void> {
    const { listener, log, access } = this.#options;
    log("debug", "watch-failed", { resource: access.resource, namespace: access.namespace, reason: problem.message });
    const isGone = isStatus(problem, gone);
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
    const { api, path, query, access, single, oneByOne = single === undefined ? [] : [single], pageItems, pick } = this.#options;
    try {
      const listed = await listAll({ api, path, query, access: { ...access, verb: "list" }, pageItems, pick }, signal);
      if (this.#polling?.names !== undefined) this.#polled(undefined);
      return listed;
    } catch (error) {
      if (oneByOne.length === 0 || !isStatus(error, 403)) throw error;
      return { items: await this.#fetchOneByOne(oneByOne, error, signal), version: undefined };
    }
  }

  /** Rejects where none of them may be had. */
  async #fetchOneByOne(names: readonly string[], refusal: StatusError, signal: AbortSignal): Promise<Item[]> {
    const asked = names.slice(0, kubeLimits.namesPolled);
    const answers = await Promise.all(asked.map((name) => this.#fetchOne(name, signal)));
    const refused = asked.filter((_, index) => answers[index] instanceof StatusError);
    if (refused.length === asked.length) throw names.length === 1 ? answers[0] : refusal;
    const everyMs = Math.max(kubeLimits.pollIntervalMs, asked.length * kubeLimits.pollNameMs);
    this.#polled({ everyMs, names: asked.filter((name) => !refused.includes(name)), refused, left: names.slice(asked.length) });
    return answers.filter((answer) => answer !== undefined && !(answer instanceof StatusError)) as Item[];
  }

  /** Undefined where there is none of that name, and the error where it may not be had. */
  async #fetchOne(name: string, signal: AbortSignal): Promise<Item | StatusError | undefined> {
    const { api, path, access, pick } = this.#options;
    try {
      return pick((await api.get(`${path}/${name}`, { ...access, verb: "get", name }, signal)) as RawObject);
    } catch (error) {
      if (isStatus(error, 404)) return undefined;
      if (isStatus(error, 403)) return error;
      throw error;
    }
  }

  #polled(polling: Polling | undefined): void {
    if (deepEquals(this.#polling, polling)) return;
    this.#polling = polling;
    this.#options.listener.onPolled?.(polling);
  }

  /** Whether it may be watched is asked anew from time to time: rights are given while kt runs. */
  async #poll({ everyMs, names }: Polling, signal: AbortSignal): Promise<void> {
    this.#backoff.reset();
    await this.#backoff.wait(everyMs, signal);
    const mayBeAllowed = this.#options.clock.now() - this.#watchRefusedMs >= kubeLimits.watchRefusedMs;
    if (names === undefined && mayBeAllowed) await this.#watch(signal);
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
      if (!isStatus(error, 403)) throw error;
      this.#watchRefused();
    } finally {
      this.#watching = undefined;
      signal.removeEventListener("abort", onAbort);
    }
  }

  #watchRefused(): void {
    const { log, access, clock } = this.#options;
    log("info", "watch-forbidden", { resource: access.resource, namespace: access.namespace });
    this.#watchRefusedMs = clock.now();
    this.#polled({ everyMs: kubeLimits.pollIntervalMs, refused: [], left: [] });
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
        this.#polled(undefined);
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
    if (!isStatus(refusal, gone)) this.#options.listener.onProblem(refusal);
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
