/** Events of the objects that the operator looks after: one that repeats is counted and not written anew. */

import type { Clock } from "#base/clock.ts";
import { cut } from "#base/cut.ts";
import { messageOf } from "#base/errors.ts";
import type { Log } from "#base/log.ts";
import { operatorLimits } from "#operator/limits.ts";
import type { ClusterObjects } from "./cluster-objects.ts";
import { type KubeKind, kubeKinds, type ObjectMeta } from "./kinds.ts";

export interface EventsOptions {
  readonly objects: ClusterObjects;
  readonly clock: Clock;
  readonly log: Log;
}

interface Counted {
  readonly name: string;
  count: number;
  writtenMs: number;
}

const eventChars = 1024;

export class Events {
  readonly #options: EventsOptions;
  /** The oldest first. */
  readonly #counted = new Map<string, Counted>();

  constructor(options: EventsOptions) {
    this.#options = options;
  }

  /** Never rejects: an event that cannot be written is in the log. */
  async record(about: KubeKind, meta: ObjectMeta, type: "Normal" | "Warning", reason: string, text: string): Promise<void> {
    const { log, clock } = this.#options;
    const message = cut(text, eventChars);
    const key = JSON.stringify([meta.uid, reason, message]);
    const counted = this.#counted.get(key);
    if (counted === undefined) {
      log(type === "Normal" ? "info" : "warn", "event", {
        kind: about.kind,
        name: `${meta.namespace}/${meta.name}`,
        reason,
        text: message,
      });
    }
    try {
      if (counted === undefined) await this.#create(key, { about, meta, type, reason, message });
      else await this.#count(counted, meta, clock.now());
    } catch (error) {
      log("warn", "event-not-written", { reason, text: messageOf(error) });
    }
  }

  async #create(key: string, { about, meta, type, reason, message }: Described): Promise<void> {
    const { objects, clock } = this.#options;
    const namespace = meta.namespace ?? "default";
    const name = `${meta.name}.${crypto.randomUUID().slice(0, 13).replaceAll("-", "")}`;
    this.#counted.set(key, { name, count: 1, writtenMs: clock.now() });
    const [oldest] = this.#counted.keys();
    if (this.#counted.size > operatorLimits.eventsKept && oldest !== undefined) this.#counted.delete(oldest);
    const { kind, apiVersion } = about;
    const now = this.#timestamp();
    await objects.create(kubeKinds.event, {
      metadata: { name, namespace },
      involvedObject: { kind, apiVersion, namespace, name: meta.name, uid: meta.uid, resourceVersion: meta.resourceVersion },
      type,
      reason,
      message,
      source: { component: "kt-operator" },
      reportingComponent: "kt-operator",
      reportingInstance: "kt-operator",
      count: 1,
      firstTimestamp: now,
      lastTimestamp: now,
    });
  }

  async #count(counted: Counted, { namespace = "default" }: ObjectMeta, nowMs: number): Promise<void> {
    counted.count += 1;
    if (nowMs - counted.writtenMs < operatorLimits.eventRepeatMs) return;
    counted.writtenMs = nowMs;
    const name = { namespace, name: counted.name };
    await this.#options.objects.merge(kubeKinds.event, name, { count: counted.count, lastTimestamp: this.#timestamp() });
  }

  #timestamp(): string {
    return timestamp(this.#options.clock);
  }
}

interface Described {
  readonly about: KubeKind;
  readonly meta: ObjectMeta;
  readonly type: string;
  readonly reason: string;
  readonly message: string;
}

/** As Kubernetes writes times, in whole seconds. */
export function timestamp(clock: Clock): string {
  return `${new Date(clock.wallMs()).toISOString().slice(0, 19)}Z`;
}
