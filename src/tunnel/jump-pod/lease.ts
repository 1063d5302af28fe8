/** Says on a jump pod that this hub uses it, as long as it does, and removes the pod when no hub uses it any more. */

import type { Clock } from "#base/clock.ts";
import { type KtError, toKtError } from "#base/errors.ts";
import { tunnelLimits } from "#tunnel/limits.ts";
import type { Log } from "#base/log.ts";
import type { KnownPod, Pods } from "#kube/objects/known-pod.ts";
import { isHeldByOthers, isOurs, type JumpPodHolder, leaseOf } from "./manifest.ts";

export interface JumpPodLeaseOptions {
  readonly namespace: string;
  readonly name: string;
  readonly holder: JumpPodHolder;
  readonly pods: () => Pods;
  /** The pod came to its own end. */
  readonly onEnded: () => void;
  readonly clock: Clock;
  readonly log: Log;
}

/** What became of the pod: `left` is for others who use it, `kept` could not be removed, `gone` was not there any more. */
export type JumpPodEnd = { readonly kind: "removed" | "left" | "gone" } | { readonly kind: "kept"; readonly problem: KtError };

/** How often a removal is begun anew when the pod changes in between, as it does when its status is written. */
const removalTries = 5;

function renewalMs(ttlMs: number): number {
  return Math.min(Math.max(ttlMs / 3, 1000), tunnelLimits.jumpPodLeaseMs);
}

export class JumpPodLease {
  readonly #options: JumpPodLeaseOptions;
  #pod: KnownPod | undefined;
  #cancel = (): void => {};

  constructor(options: JumpPodLeaseOptions) {
    this.#options = options;
  }

  /** Until when a lease goes that is written now, by the time of day. */
  untilMs(ttlMs: number): number {
    return this.#options.clock.wallMs() + 3 * renewalMs(ttlMs);
  }

  /** True when the pod was not held before. `isNew`: it was made with the lease on it. Resolves when it says so, or cannot. */
  async take(pod: KnownPod, ttlMs: number, isNew: boolean, signal: AbortSignal): Promise<boolean> {
    if (this.#pod?.uid === pod.uid) return false;
    this.drop();
    this.#pod = pod;
    if (isNew) this.#renewLater(pod, ttlMs, signal);
    else await this.#renew(pod, ttlMs, signal);
    return true;
  }

  /** Says nothing more; the lease runs out. */
  drop(): void {
    this.#cancel();
    this.#pod = undefined;
  }

  async #renew(pod: KnownPod, ttlMs: number, signal: AbortSignal): Promise<void> {
    const { namespace, holder, pods, log } = this.#options;
    try {
      const now = await pods().annotate(namespace, pod, leaseOf(holder, this.untilMs(ttlMs)), signal);
      if (this.#pod !== pod) return;
      if (now === undefined) return this.drop();
      // It ended by itself; what is left of it is of no use.
      if (now.ended) {
        this.drop();
        this.#options.onEnded();
        await pods().remove(namespace, now, 0, signal);
        return;
      }
    } catch (error) {
      const { code, message } = toKtError(error, "internal", "mark the jump pod");
      log("debug", "jump-pod-lease", { pod: `${namespace}/${pod.name}`, text: message });
      // Where marking is not allowed, everybody does without.
      if (code === "forbidden" || this.#pod !== pod) return;
    }
    this.#renewLater(pod, ttlMs, signal);
  }

  #renewLater(pod: KnownPod, ttlMs: number, signal: AbortSignal): void {
    this.#cancel = this.#options.clock.after(renewalMs(ttlMs), () => void this.#renew(pod, ttlMs, signal));
  }

  /** Takes the lease back and, if no other hub has one, removes the pod. Never rejects. */
  async end(signal: AbortSignal): Promise<JumpPodEnd> {
    this.drop();
    try {
      return await this.#end(signal);
    } catch (error) {
      return { kind: "kept", problem: toKtError(error, "internal", "remove the jump pod") };
    }
  }

  async #end(signal: AbortSignal): Promise<JumpPodEnd> {
    const { namespace, name, holder, pods, clock } = this.#options;
    const [mine = ""] = Object.keys(leaseOf(holder, 0));
    for (let tries = 0; tries < removalTries; tries++) {
      const pod = await pods().get(namespace, name, signal);
      if (pod === undefined || !isOurs(pod) || pod.terminating) return { kind: "gone" };
      // Neither made by this hub nor marked: others may use it and cannot say so either.
      if (pod.annotations[mine] === undefined) return { kind: "left" };
      if (!pod.ended && isHeldByOthers(pod, holder, clock.wallMs())) {
        await pods().annotate(namespace, pod, leaseOf(holder, undefined), signal);
        return { kind: "left" };
      }
      if (await pods().remove(namespace, pod, pod.state.kind === "ready" ? 1 : 0, signal)) return { kind: "removed" };
    }
    return { kind: "left" };
  }
}
