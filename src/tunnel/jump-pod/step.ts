/** Decides from what is there what to do next so that a jump pod serves. Pure. */

import type { KnownPod } from "#kube/objects/known-pod.ts";
import type { JumpPodDefinition } from "#route/target.ts";
import { definitionOf, definitionText, isHeldByOthers, isOurs, isPlain, type JumpPodHolder, lacksShell } from "./manifest.ts";

export interface JumpPodSituation {
  readonly pod: KnownPod | undefined;
  readonly create: JumpPodDefinition;
  readonly holder: JumpPodHolder;
  /** The uids of pods that were made on the way to this one. */
  readonly made: ReadonlySet<string>;
  /** The uid of one that this hub made just before: if it failed already, the next one would too. */
  readonly young: string | undefined;
  /** A route of this hub that has the pod as it is. */
  readonly other: string | undefined;
  /** The time of day. */
  readonly nowMs: number;
}

export type JumpPodStep =
  | { readonly do: "make" }
  | { readonly do: "use" }
  /** `plain`: without the script. `says`: what is wrong with it. */
  | { readonly do: "replace"; readonly plain: boolean; readonly says: string }
  /** `says` continues the sentence "pod NAME …"; `stuck` means that it hardly mends itself. */
  | { readonly do: "wait"; readonly says: string; readonly stuck: boolean }
  | {
      readonly do: "give-up";
      readonly code: "no-ready-pod" | "jump-pod-failed";
      readonly says: string;
      readonly hints: readonly string[];
    };

export function nextStep(situation: JumpPodSituation): JumpPodStep {
  const { pod, made } = situation;
  if (pod === undefined) return { do: "make" };
  if (pod.terminating) return { do: "wait", says: pod.state.kind === "ready" ? "is terminating" : pod.state.says, stuck: false };
  if (!isOurs(pod)) return foreign(pod);
  if (definitionOf(pod) !== definitionText(situation.create)) return otherwiseMade(situation, pod);
  if (pod.ended) return afterEnd(situation, pod);
  const step = waitFor(pod, false);
  const isBroken = step.do === "wait" && step.stuck && made.size === 0 && !isHeldByOthers(pod, situation.holder, situation.nowMs);
  return isBroken ? { do: "replace", plain: isPlain(pod), says: step.says } : step;
}

function waitFor(pod: KnownPod, ended: boolean): JumpPodStep {
  const { state } = pod;
  if (state.kind === "ready" && !ended) return { do: "use" };
  const says = state.kind === "ready" ? "has ended" : state.says;
  return { do: "wait", says, stuck: ended || (state.kind === "stuck" && !pod.unschedulable) };
}

/** What a pod that kt did not make does with the bytes is not known: it is used only where the profile asks for that very pod. */
function foreign({ name }: KnownPod): JumpPodStep {
  return {
    do: "give-up",
    code: "jump-pod-failed",
    says: "is there and was not made by kt, so it is neither used nor replaced",
    hints: ["give the pod another name", `to use that pod as it is, write via = "pod/${name}" without create`],
  };
}

/** A pod of ours by another definition: it is replaced unless it is in use. */
function otherwiseMade({ other, holder, nowMs }: JumpPodSituation, pod: KnownPod): JumpPodStep {
  const inUse = !pod.ended && isHeldByOthers(pod, holder, nowMs);
  const by = other === undefined ? (inUse ? `by ${pod.annotations["kt.dev/made-by"] ?? "another user"}` : undefined) : `by "${other}"`;
  if (by === undefined) return { do: "replace", plain: false, says: "is made in another way" };
  return {
    do: "give-up",
    code: "jump-pod-failed",
    says: `is in use as ${definitionOf(pod) ?? "something else"}, made ${by}`,
    hints: ["write the same create, or give the pod another name"],
  };
}

function afterEnd({ made, young, create }: JumpPodSituation, pod: KnownPod): JumpPodStep {
  if (lacksShell(pod) && !isPlain(pod)) return { do: "replace", plain: true, says: "has no shell to wait in" };
  const says = pod.state.kind === "gone" ? pod.state.says : "has ended";
  const why = pod.reason === undefined ? says : `${says} (${pod.reason})`;
  const hasFailed = made.has(pod.uid) || (pod.uid === young && pod.exitCode !== 0);
  if (!hasFailed) return { do: "replace", plain: isPlain(pod), says: why };
  if (!isPlain(pod)) return { do: "give-up", code: "no-ready-pod", says: why, hints: [] };
  const hint = `the image "${create.image}" has no /bin/sh to wait in: give it a command that stays, or take another image`;
  return { do: "give-up", code: "no-ready-pod", says: why, hints: [hint] };
}
