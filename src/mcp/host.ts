/** What the tools need of the process that offers them: the hub, however it is reached, and what only that process can do. */

import type { FindingStatus, Reply, ReplyOf, Request, Snapshot } from "#control/api.ts";

/** Asks one hub. Everything rejects with KtError. */
export interface HubQuestions {
  snapshot(): Promise<Snapshot>;
  /** One request, one reply. */
  ask<Type extends Reply["type"]>(request: Request, type: Type): Promise<ReplyOf<Type>>;
  /** Every reply of that type to a request that has an end. */
  list<Type extends Reply["type"]>(request: Request, type: Type): Promise<ReplyOf<Type>[]>;
}

/** A target that is to get a local port. */
export interface WantedForward {
  readonly target: string;
  /** Undefined: kubeconfig's current one. */
  readonly context: string | undefined;
  /** Undefined: a free one. */
  readonly localPort: number | undefined;
}

export interface McpHost {
  readonly version: string;
  /** Rejects with `hub-unreachable` where none runs: nothing that only reads starts one. */
  withHub<T>(signal: AbortSignal, work: (hub: HubQuestions) => Promise<T>): Promise<T>;
  /** Resolves to the path of the profile. Never gives consent: what needs that rejects with `profile-not-allowed`. */
  attach(file: string | undefined): Promise<string>;
  /** For everybody. Resolves to the profiles that were detached. */
  detach(profile: string, signal: AbortSignal): Promise<string[]>;
  /** Attaches a profile of kt's own that has this one route. */
  forward(wanted: WantedForward): Promise<string>;
  /** Without a profile: the one that this process is about, where there is one. */
  diagnose(profile: string | undefined): Promise<readonly FindingStatus[]>;
}
