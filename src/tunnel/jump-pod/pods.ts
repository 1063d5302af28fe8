/** The jump pods of the hub: one for each pod that profiles ask for, as long as a route goes over it. */

import { type Clock, sleep } from "#base/clock.ts";
import { assert, KtError } from "#base/errors.ts";
import { sharedLimits } from "#base/limits.ts";
import type { Log } from "#base/log.ts";
import type { Cluster } from "#kube/objects/types.ts";
import type { Report } from "#observe/events.ts";
import type { JumpHost } from "#route/target.ts";
import { JumpPod, unused } from "./jump-pod.ts";
import type { JumpPodHolder } from "./manifest.ts";
import type { JumpPodUser } from "./start.ts";

export interface JumpPodPlace {
  /** The API server's URL: two views of one cluster share their pods. */
  readonly server: string;
  readonly namespace: string;
  readonly name: string;
}

export interface JumpPodsOptions {
  readonly holder: JumpPodHolder;
  /** The routes that go over this pod now. */
  readonly usersOf: (pod: JumpPodPlace) => readonly JumpPodUser[];
  readonly clock: Clock;
  readonly log: Log;
  readonly report: Report;
}

interface Entry {
  readonly place: JumpPodPlace;
  readonly pod: JumpPod;
}

export class JumpPods {
  readonly #options: JumpPodsOptions;
  readonly #entries = new Map<string, Entry>();
  /** Pods that are being given up: one of that place is only begun afterwards. */
  readonly #ending = new Map<string, Promise<void>>();

  constructor(options: JumpPodsOptions) {
    this.#options = options;
  }

  /** Resolves with the uid of a jump host's pod when it is ready, made or found. Rejects with KtError, or with the signal's reason. */
  async ensure(cluster: Cluster, namespace: string, { name, create }: JumpHost, signal: AbortSignal): Promise<string> {
    assert(create !== undefined, "a jump pod without a definition");
    const place = { server: cluster.server, namespace, name };
    const key = JSON.stringify(place);
    await whileWanted(this.#ending.get(key) ?? Promise.resolve(), signal);
    let entry = this.#entries.get(key);
    if (!entry) {
      const { usersOf, ...options } = this.#options;
      // The last route may have gone in the meantime, and then nothing would give this pod up.
      if (usersOf(place).length === 0) throw unused();
      entry = { place, pod: new JumpPod({ ...options, cluster, ...place, users: () => usersOf(place) }) };
      this.#entries.set(key, entry);
    }
    return await whileWanted(entry.pod.ensure(cluster, create), signal);
  }

  /** After a reload: gives up the pods that no route goes over any more. */
  retain(): void {
    for (const [key, { place }] of this.#entries) if (this.#options.usersOf(place).length === 0) this.#end(key);
  }

  /** Gives up all, and waits for it as long as a hub that ends may. */
  async close(): Promise<void> {
    for (const key of [...this.#entries.keys()]) this.#end(key);
    const late = new AbortController();
    await Promise.race([Promise.all(this.#ending.values()), sleep(this.#options.clock, sharedLimits.drainMs, late.signal)]);
    late.abort();
  }

  #end(key: string): void {
    const entry = this.#entries.get(key);
    if (!entry) return;
    this.#entries.delete(key);
    const { clock } = this.#options;
    const tooLong = new AbortController();
    const cancel = clock.after(sharedLimits.drainMs, () =>
      tooLong.abort(new KtError("cluster-unreachable", "the cluster does not answer")),
    );
    const done = entry.pod.end(tooLong.signal).then(() => {
      cancel();
      this.#ending.delete(key);
    });
    this.#ending.set(key, done);
  }
}

/** The promise, or the signal's reason when that comes first. */
async function whileWanted<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  promise.catch(() => {});
  signal.throwIfAborted();
  const left = Promise.withResolvers<never>();
  const onAbort = (): void => left.reject(signal.reason);
  signal.addEventListener("abort", onAbort, { once: true });
  try {
    return await Promise.race([promise, left.promise]);
  } finally {
    signal.removeEventListener("abort", onAbort);
  }
}
