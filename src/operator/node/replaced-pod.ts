/** Which pod of an EdgeNode's uplinks is replaced next: one after the other, and none while another one is not serving. Pure. */

import type { ObjectName } from "#expose/resources/read-objects.ts";
import type { SeenPod } from "#operator/cluster/seen.ts";
import { annotations, ordinalOf } from "#operator/cluster/names.ts";

export interface Replacing {
  readonly node: ObjectName;
  readonly pods: readonly SeenPod[];
  readonly ordinals: readonly number[];
  /** Of the template that pods should be made of. */
  readonly podHash: string;
  /** By what the edge says; everything where it could not be asked. */
  readonly isHealthy: (ordinal: number) => boolean;
}

/** Undefined where all are as wanted, or none may go now. */
export function nextToReplace({ node, pods, ordinals, podHash, isHealthy }: Replacing): SeenPod | undefined {
  const byOrdinal = new Map(pods.map((pod) => [ordinalOf(node, pod.meta.name), pod]));
  const all = ordinals.flatMap((ordinal) => byOrdinal.get(ordinal) ?? []);
  if (all.length < ordinals.length || all.some(({ isTerminating }) => isTerminating)) return undefined;
  const serves = (pod: SeenPod): boolean => pod.isReady && isHealthy(ordinalOf(node, pod.meta.name) ?? -1);
  const old = all.filter(({ meta }) => meta.annotations?.[annotations.podHash] !== podHash);
  // One that does not serve may go at once.
  const idle = old.find((pod) => !serves(pod));
  if (idle !== undefined) return idle;
  return all.every(serves) ? old.at(-1) : undefined;
}
