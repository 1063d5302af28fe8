/** Whose a Lease is and what may be done about it; another's clock is never compared with ours, only how long ago we saw a change. Pure. */

import { isRecord } from "#expose/schema/problem.ts";
import type { KubeObject } from "#operator/cluster/kinds.ts";

/** What a Lease said, and when we first saw it say that, by our own clock. */
export interface SeenLease {
  readonly holder: string;
  readonly transitions: number;
  readonly durationMs: number;
  /** Changes with every renewal. */
  readonly version: string;
  readonly seenAtMs: number;
}

export function seeLease({ metadata, spec }: KubeObject, before: SeenLease | undefined, nowMs: number): SeenLease {
  const version = metadata.resourceVersion ?? "";
  if (before?.version === version) return before;
  const { holderIdentity, leaseTransitions, leaseDurationSeconds } = isRecord(spec) ? spec : {};
  return {
    holder: typeof holderIdentity === "string" ? holderIdentity : "",
    transitions: typeof leaseTransitions === "number" ? leaseTransitions : 0,
    durationMs: typeof leaseDurationSeconds === "number" ? leaseDurationSeconds * 1000 : 0,
    version,
    seenAtMs: nowMs,
  };
}

/** 0 where it may be taken now. */
export function freeInMs({ holder, durationMs, seenAtMs }: SeenLease, identity: string, nowMs: number): number {
  if (holder === "" || holder === identity) return 0;
  return Math.max(0, seenAtMs + durationMs - nowMs);
}
