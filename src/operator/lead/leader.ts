/** Leads by a Lease: one of several operators does something, and stops before another one may begin. */

import { type Clock, sleep } from "#base/clock.ts";
import { withDeadline } from "#base/deadline.ts";
import { KtError, messageOf } from "#base/errors.ts";
import type { Log } from "#base/log.ts";
import { formatName, type ObjectName } from "#expose/resources/read-objects.ts";
import type { Api } from "#kube/api/api.ts";
import { ClusterObjects } from "#operator/cluster/cluster-objects.ts";
import { type KubeObject, kubeKinds } from "#operator/cluster/kinds.ts";
import { operatorLimits } from "#operator/limits.ts";
import { freeInMs, type SeenLease, seeLease } from "./lease-claim.ts";

export interface LeaderOptions {
  readonly api: Pick<Api, "get" | "write">;
  readonly lease: ObjectName;
  /** Of this process, and of no other one. */
  readonly identity: string;
  readonly clock: Clock;
  readonly log: Log;
}

export class Leader {
  readonly #options: LeaderOptions;
  #seen: SeenLease | undefined;

  constructor(options: LeaderOptions) {
    this.#options = options;
  }

  /** Resolves once this process leads; rejects with the signal's reason. */
  async acquire(signal: AbortSignal): Promise<void> {
    const { clock, log, lease, identity } = this.#options;
    for (;;) {
      signal.throwIfAborted();
      try {
        const waitMs = await this.#within(operatorLimits.leaseRequestMs, signal, async (objects) => await this.#try(objects));
        if (waitMs === undefined) return log("info", "leading", { lease: formatName(lease), identity });
      } catch (error) {
        if (signal.aborted) throw signal.reason;
        log("warn", "lease-not-read", { lease: formatName(lease), reason: messageOf(error) });
      }
      await sleep(clock, operatorLimits.leaseRenewMs, signal);
    }
  }

  /** Keeps the lease until the signal aborts; resolves before that with the reason where another one may lead soon. */
  async keep(signal: AbortSignal): Promise<string | undefined> {
    const { clock, log, lease } = this.#options;
    let renewedMs = clock.now();
    for (;;) {
      await sleep(clock, operatorLimits.leaseRenewMs, signal);
      if (signal.aborted) return undefined;
      const startedMs = clock.now();
      const leftMs = renewedMs + operatorLimits.leaseGiveUpMs - startedMs;
      if (leftMs <= 0) return "it could not be renewed in time";
      try {
        const withinMs = Math.min(leftMs, operatorLimits.leaseRequestMs);
        if (!(await this.#within(withinMs, signal, async (objects) => await this.#renew(objects)))) return "another one has taken it";
        renewedMs = startedMs;
      } catch (error) {
        if (!signal.aborted) log("warn", "lease-not-renewed", { lease: formatName(lease), reason: messageOf(error) });
      }
    }
  }

  /** Another one need not wait for the lease to end. */
  async release(): Promise<void> {
    const { lease, log } = this.#options;
    if (this.#seen === undefined) return;
    const spec = { holderIdentity: "", leaseDurationSeconds: 1, renewTime: this.#microTime() };
    const value = { metadata: { resourceVersion: this.#seen.version }, spec };
    try {
      await this.#within(operatorLimits.leaseRequestMs, undefined, async (objects) => await objects.merge(kubeKinds.lease, lease, value));
    } catch (error) {
      log("warn", "lease-not-released", { lease: formatName(lease), reason: messageOf(error) });
    }
  }

  /** Undefined: it is ours. Else how long it is another's. */
  async #try(objects: ClusterObjects): Promise<number | undefined> {
    const { lease, identity, clock } = this.#options;
    const there = await objects.get(kubeKinds.lease, lease);
    if (there === undefined) return this.#took(await objects.create(kubeKinds.lease, { metadata: lease, spec: this.#claim(0) }));
    this.#seen = seeLease(there, this.#seen, clock.now());
    const waitMs = freeInMs(this.#seen, identity, clock.now());
    if (waitMs > 0) return waitMs;
    const spec = this.#claim(this.#seen.transitions + (this.#seen.holder === identity ? 0 : 1));
    return this.#took(await objects.merge(kubeKinds.lease, lease, { metadata: { resourceVersion: this.#seen.version }, spec }));
  }

  /** One that was changed by another one meanwhile is not ours. */
  #took(written: KubeObject | undefined): number | undefined {
    if (written === undefined) return operatorLimits.leaseRenewMs;
    this.#seen = seeLease(written, undefined, this.#options.clock.now());
    return undefined;
  }

  async #renew(objects: ClusterObjects): Promise<boolean> {
    const { lease, clock } = this.#options;
    const value = { metadata: { resourceVersion: this.#seen?.version }, spec: { renewTime: this.#microTime() } };
    const written = await objects.merge(kubeKinds.lease, lease, value);
    if (written !== undefined) this.#seen = seeLease(written, undefined, clock.now());
    // A renewal whose answer was lost has another version, and is still ours.
    return written !== undefined || (await this.#isOurs(objects));
  }

  async #isOurs(objects: ClusterObjects): Promise<boolean> {
    const { lease, identity, clock } = this.#options;
    const there = await objects.get(kubeKinds.lease, lease);
    if (there === undefined) return false;
    this.#seen = seeLease(there, this.#seen, clock.now());
    return this.#seen.holder === identity;
  }

  #claim(leaseTransitions: number): object {
    const now = this.#microTime();
    const { identity } = this.#options;
    return {
      holderIdentity: identity,
      leaseDurationSeconds: operatorLimits.leaseMs / 1000,
      acquireTime: now,
      renewTime: now,
      leaseTransitions,
    };
  }

  async #within<Value>(
    withinMs: number,
    signal: AbortSignal | undefined,
    run: (objects: ClusterObjects) => Promise<Value>,
  ): Promise<Value> {
    const { api, clock } = this.#options;
    const late = (): KtError => new KtError("cluster-unreachable", `the API server did not answer within ${withinMs / 1000} s`);
    return await withDeadline(clock, withinMs, signal, late, async (inner) => await run(new ClusterObjects(api, inner)));
  }

  /** As `metav1.MicroTime`. */
  #microTime(): string {
    return new Date(this.#options.clock.wallMs()).toISOString().replace("Z", "000Z");
  }
}
