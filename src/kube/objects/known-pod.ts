/** What the maker of pods knows of one, and what it may do with them: the contract that the cluster keeps. */

import type { PodState } from "./pod-state.ts";

/** A pod at one moment, as far as its maker must know it. */
export interface KnownPod {
  readonly name: string;
  readonly uid: string;
  readonly version: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
  /** The kind of the controller that made it, e.g. ReplicaSet. */
  readonly owner: string | undefined;
  readonly terminating: boolean;
  /** A container of its own ended: with the restart policy Never, for good. */
  readonly ended: boolean;
  readonly state: PodState;
  /** No node takes it; that may mend itself where nodes are added on demand. */
  readonly unschedulable: boolean;
  /** Of its first container, once that has ended. */
  readonly exitCode: number | undefined;
  /** Why its first container ended or did not start, in the runtime's words. */
  readonly reason: string | undefined;
}

export interface PodManifest {
  readonly metadata: { readonly name: string };
}

export interface Pods {
  /** Undefined when there is none. */
  get(namespace: string, name: string, signal: AbortSignal): Promise<KnownPod | undefined>;
  /** Undefined when there is one of that name. Rejects with `jump-pod-failed` where the cluster does not take it. */
  create(namespace: string, manifest: PodManifest, signal: AbortSignal): Promise<KnownPod | undefined>;
  /** Sets annotations, null removes one. Undefined when that very pod is gone. */
  annotate(
    namespace: string,
    pod: KnownPod,
    annotations: Readonly<Record<string, string | null>>,
    signal: AbortSignal,
  ): Promise<KnownPod | undefined>;
  /** False when the pod changed since it was read; true also when it is gone. */
  remove(namespace: string, pod: KnownPod, graceSeconds: number, signal: AbortSignal): Promise<boolean>;
}
