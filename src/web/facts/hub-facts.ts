/** What the hub's own pages are made of: what the hub hands to this room. */

import type { FindingStatus, Hello, Snapshot } from "#control/api.ts";
import type { RequestHandler } from "#control/server.ts";
import type { RouteCounters } from "#observe/counters.ts";
import type { Histogram } from "#observe/histogram.ts";
import type { Journal } from "#observe/journal.ts";
import type { RequestLog } from "#observe/request-log.ts";

export interface ProcessFacts {
  readonly cpuSeconds: number;
  readonly residentBytes: number;
  readonly openDescriptors: number;
  /** Infinity where there is no limit. */
  readonly maxDescriptors: number;
}

/** The tunnel to one target. */
export interface TargetFacts {
  /** The path of its profile. */
  readonly profile: string;
  readonly target: string;
  /** As the cluster's kubeconfig has it; undefined where that is not known yet. */
  readonly context: string | undefined;
  readonly openConnections: number;
  readonly sessions: number;
  readonly readyPods: number;
  /** How long connections took to open; undefined before the first. */
  readonly dials: Histogram | undefined;
  readonly failedDials: number;
}

/** Profiles of kt's own for single targets. */
export interface TargetProfiles {
  /** Resolves to the path of one that can be attached. */
  write(wanted: { readonly target: string; readonly context: string | undefined; readonly localPort: number | undefined }): Promise<string>;
  /** Nothing for what is not one of them. */
  remove(profile: string): Promise<void>;
}

/** A proxy, as browsers need to know of it. */
export interface ProxyFacts {
  /** `127.0.0.1:8988` */
  readonly address: string;
  /** Domains in which every name is the cluster's. */
  readonly suffixes: readonly string[];
  /** What SERVICE.NAMESPACE may be; of a further cluster with its short name behind. */
  readonly namespaces: readonly { readonly namespace: string; readonly label: string | undefined }[];
  /** Names without a dot. */
  readonly names: readonly string[];
}

export interface HubFacts {
  /** Answers what the hub's clients ask over the control socket. */
  readonly handle: RequestHandler;
  readonly journal: Pick<Journal, "after" | "follow">;
  readonly requests: Pick<RequestLog, "follow">;
  /** Of the hub's own process. */
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly hello: Hello;
  readonly startedAtMs: number;
  /** Where the token of this hub is. */
  readonly tokenFile: string;
  snapshot(): Snapshot;
  targets(): readonly TargetFacts[];
  /** Undefined for a route that was never used. `profile` is the path of its file. */
  counters(profile: string, route: string): Pick<RouteCounters, "durations" | "firstBytes" | "droppedDatagrams"> | undefined;
  process(): ProcessFacts;
  readonly targetProfiles: TargetProfiles;
  /** What kt doctor says of a profile, by the path of its file; without one, of the one that is attached. */
  diagnose(profile: string | undefined): Promise<readonly FindingStatus[]>;
  /** Where the proxies of the profiles listen, and for which names; none where no profile has one. */
  proxies(): readonly ProxyFacts[];
}
