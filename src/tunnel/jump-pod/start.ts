/** Brings one jump pod to where it serves: looks, makes, replaces and waits, until it is ready, hopeless or out of time. */

import { type Clock, sleep } from "#base/clock.ts";
import { KtError } from "#base/errors.ts";
import { tunnelLimits } from "#tunnel/limits.ts";
import { command } from "#base/shell.ts";
import { kubectlScope } from "#kube/api/api-problem.ts";
import type { KnownPod } from "#kube/objects/known-pod.ts";
import type { Cluster } from "#kube/objects/types.ts";
import type { JumpPodDefinition } from "#route/target.ts";
import type { JumpPodLease } from "./lease.ts";
import { definitionOf, definitionText, isHeldByOthers, isOurs, type JumpPodHolder, jumpPodManifest } from "./manifest.ts";
import { type JumpPodStep, nextStep } from "./step.ts";

/** A route that goes over a jump pod. */
export interface JumpPodUser {
  /** The profile's name for people. */
  readonly profile: string;
  readonly route: string;
  readonly create: JumpPodDefinition | undefined;
}

export interface JumpPodStartOptions {
  readonly cluster: Cluster;
  readonly namespace: string;
  readonly name: string;
  readonly create: JumpPodDefinition;
  readonly holder: JumpPodHolder;
  readonly lease: JumpPodLease;
  readonly users: readonly JumpPodUser[];
  /** The uid of a pod that was made just before. */
  readonly young: string | undefined;
  readonly clock: Clock;
  readonly signal: AbortSignal;
  readonly onMade: (uid: string) => void;
  readonly onChange: (change: "made" | "found" | "replaced", why?: KtError) => void;
}

export class JumpPodStart {
  readonly #options: JumpPodStartOptions;
  readonly #deadlineMs: number;
  readonly #made = new Set<string>();
  #plain = false;
  #lookMs: number = tunnelLimits.jumpPodLookMs;
  /** Since when the pod of that uid is in a state that hardly mends itself. */
  #stuck: { readonly uid: string; readonly sinceMs: number } | undefined;

  constructor(options: JumpPodStartOptions) {
    this.#options = options;
    this.#deadlineMs = options.clock.now() + options.create.timeoutMs;
  }

  /** Resolves with the pod's uid when it is ready. Rejects with KtError, or with the signal's reason. */
  async run(): Promise<string> {
    const { cluster, namespace, name, clock, signal } = this.#options;
    for (;;) {
      const pod = await cluster.pods.get(namespace, name, signal);
      const step = this.#next(pod);
      if (step.do === "use" && pod) return await this.#use(pod);
      await this.#take(step, pod);
      const leftMs = this.#deadlineMs - clock.now();
      if (leftMs <= 0) return await this.#tooLate(pod, step);
      await sleep(clock, Math.min(this.#lookMs, leftMs), signal);
      signal.throwIfAborted();
      this.#lookMs = Math.min(this.#lookMs * 1.5, tunnelLimits.jumpPodLookMaxMs);
    }
  }

  #next(pod: KnownPod | undefined): JumpPodStep {
    const { create, holder, users, young, clock } = this.#options;
    const definition = pod && definitionOf(pod);
    const other = users.find((user) => user.create !== undefined && definitionText(user.create) === definition)?.route;
    return nextStep({ pod, create, holder, made: this.#made, young, other, nowMs: clock.wallMs() });
  }

  async #use(pod: KnownPod): Promise<string> {
    const { create, lease, signal, onChange } = this.#options;
    const isNew = this.#made.has(pod.uid);
    if (isOurs(pod) && (await lease.take(pod, create.ttlMs, isNew, signal)) && !isNew) onChange("found");
    return pod.uid;
  }

  async #take(step: JumpPodStep, pod: KnownPod | undefined): Promise<void> {
    if (step.do === "make") await this.#make();
    else if (step.do === "replace" && pod) await this.#replace(pod, step);
    else if (step.do === "give-up") await this.#giveUp(pod, step.code, step.says, step.hints);
    else if (step.do === "wait" && step.stuck && pod) await this.#waitStuck(pod, step.says);
    else this.#stuck = undefined;
  }

  async #make(): Promise<void> {
    const { cluster, namespace, create, lease, users, clock, signal, onChange } = this.#options;
    // Its first lease reaches over the start.
    const leaseUntilMs = lease.untilMs(create.ttlMs) + this.#deadlineMs - clock.now();
    const profiles = [...new Set(users.map(({ profile }) => profile))];
    const routes = users.map(({ route }) => route);
    const manifest = jumpPodManifest({ ...this.#options, profiles, routes, leaseUntilMs, plain: this.#plain });
    const pod = await cluster.pods.create(namespace, manifest, signal);
    // Another hub was faster: its pod is read next.
    if (pod === undefined) return;
    this.#made.add(pod.uid);
    this.#lookMs = tunnelLimits.jumpPodLookMs;
    this.#options.onMade(pod.uid);
    onChange("made");
  }

  async #replace(pod: KnownPod, { plain, says }: JumpPodStep & { do: "replace" }): Promise<void> {
    const { cluster, namespace, signal, onChange } = this.#options;
    this.#plain = plain;
    this.#lookMs = tunnelLimits.jumpPodLookMs;
    if (await cluster.pods.remove(namespace, pod, pod.state.kind === "ready" ? 1 : 0, signal))
      onChange("replaced", new KtError("no-ready-pod", `it ${says}`));
  }

  async #waitStuck(pod: KnownPod, says: string): Promise<void> {
    const nowMs = this.#options.clock.now();
    if (this.#stuck?.uid !== pod.uid) this.#stuck = { uid: pod.uid, sinceMs: nowMs };
    if (nowMs - this.#stuck.sinceMs >= tunnelLimits.jumpPodStuckMs) await this.#giveUp(pod, "no-ready-pod", says, []);
  }

  async #tooLate(pod: KnownPod | undefined, step: JumpPodStep): Promise<never> {
    const says = step.do === "wait" ? step.says : "is not there";
    const seconds = this.#options.create.timeoutMs / 1000;
    return await this.#giveUp(pod, "start-timeout", `is not ready within ${seconds} s: it ${says}`, []);
  }

  async #giveUp(
    pod: KnownPod | undefined,
    code: "no-ready-pod" | "start-timeout" | "jump-pod-failed",
    says: string,
    hints: readonly string[],
  ): Promise<never> {
    const { cluster, namespace, name } = this.#options;
    if (pod) await this.#discard(pod);
    const events = command`kubectl get events ${kubectlScope(namespace, cluster.context)} --field-selector ${`involvedObject.name=${name}`}`;
    throw new KtError(code, `the jump pod "${namespace}/${name}" ${says}`, { hints: [...hints, events] });
  }

  /** A pod that never ran does not end by itself. One that is merely slow may be ready for the next connection. */
  async #discard(pod: KnownPod): Promise<void> {
    const { cluster, namespace, holder, young, clock, signal } = this.#options;
    if (!(this.#made.has(pod.uid) || pod.uid === young) || isHeldByOthers(pod, holder, clock.wallMs())) return;
    if (pod.state.kind === "coming" && !pod.ended) return;
    await cluster.pods.remove(namespace, pod, 0, signal).catch(() => false);
  }
}
