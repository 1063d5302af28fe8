/** What the hub's own pages are made of: what the hub hands to this room. */

import type { Hello, Snapshot } from "#control/api.ts";

export interface ProcessFacts {
  readonly cpuSeconds: number;
  readonly residentBytes: number;
  readonly openDescriptors: number;
  /** Infinity where there is no limit. */
  readonly maxDescriptors: number;
}

/** The tunnel to one target. */
export interface TargetFacts {
  readonly target: string;
  /** As the cluster's kubeconfig has it; undefined where that is not known yet. */
  readonly context: string | undefined;
  readonly openConnections: number;
  readonly sessions: number;
  readonly readyPods: number;
}

export interface HubFacts {
  readonly hello: Hello;
  readonly startedAtMs: number;
  /** Where the token of this hub is. */
  readonly tokenFile: string;
  snapshot(): Snapshot;
  targets(): readonly TargetFacts[];
  process(): ProcessFacts;
}
