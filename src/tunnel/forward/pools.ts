/** The sessions to every pod that is in use, shared by all tunnels that lead to it. */

import type { Clock } from "#base/clock.ts";
import type { Log } from "#base/log.ts";
import type { Cluster } from "#kube/objects/types.ts";
import { PodSessions } from "./sessions.ts";

export class SessionPools {
  readonly #clock: Clock;
  readonly #log: Log;
  /** By where the cluster is, then by pod, in the form NAMESPACE/POD. */
  readonly #byPlace = new Map<object, Map<string, PodSessions>>();

  constructor(clock: Clock, log: Log) {
    this.#clock = clock;
    this.#log = log;
  }

  /** The sessions to a pod, where there are any. */
  find(cluster: Cluster, namespace: string, pod: string): PodSessions | undefined {
    return this.#byPlace.get(cluster.place)?.get(`${namespace}/${pod}`);
  }

  /** The sessions to a pod, none of which need exist yet. */
  of(cluster: Cluster, namespace: string, pod: string): PodSessions {
    const known = this.find(cluster, namespace, pod);
    if (known) return known;
    const key = `${namespace}/${pod}`;
    const sessions = new PodSessions({
      clock: this.#clock,
      pod,
      open: (signal) => cluster.portForward(namespace, pod, signal),
      onLost: (error) => this.#log("info", "session-lost", { pod: key, reason: error.message }),
    });
    const pods = this.#byPlace.get(cluster.place);
    if (pods) pods.set(key, sessions);
    else this.#byPlace.set(cluster.place, new Map([[key, sessions]]));
    return sessions;
  }

  /** Called about every second. */
  tick(nowMs: number): void {
    for (const [place, pods] of this.#byPlace) {
      for (const [key, sessions] of pods) {
        sessions.tick(nowMs);
        if (sessions.isUnused) pods.delete(key);
      }
      if (pods.size === 0) this.#byPlace.delete(place);
    }
  }

  /** Asks every session for a sign of life now. */
  ping(): void {
    for (const pods of this.#byPlace.values()) for (const sessions of pods.values()) sessions.ping();
  }

  /** Ends every session. */
  close(): void {
    for (const pods of this.#byPlace.values()) for (const sessions of pods.values()) sessions.close();
    this.#byPlace.clear();
  }
}
