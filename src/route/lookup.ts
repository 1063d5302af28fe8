/** What a route table is built from and what it answers. */

import type { HostPattern } from "./pattern.ts";
import type { BackendTls, Termination } from "./route-tls.ts";
import type { BackendProtocol, BackendScheme, Destination } from "./target.ts";
import type { TargetTemplate } from "./template.ts";

/** The contexts that one profile's dynamic names reach. */
export type DynamicReach =
  | { readonly kind: "none" }
  | { readonly kind: "all" }
  | {
      readonly kind: "these";
      /** By the names that kubeconfig gives them. */
      readonly contexts: readonly string[];
      /** And the kubeconfig's current-context, whichever that is. */
      readonly current: boolean;
    };

/** How a backend is spoken to, beside the scheme. Absent: as the profile says, with the client's address. */
export interface Manner {
  /** Whether the backend gets the client's address in X-Forwarded fields. */
  readonly forwarded: boolean;
  /** The scheme is the profile's word, not guessed by the port. */
  readonly schemeGiven: boolean;
  /** Absent: what the cluster says, else what the backend turns out to speak. */
  readonly protocol?: BackendProtocol;
  readonly tls?: BackendTls;
}

export interface StaticEntry {
  /** The attached profile's identity. */
  readonly profile: string;
  /** As written. */
  readonly route: string;
  /** Normalised. */
  readonly host: string;
  readonly target: Destination;
  readonly scheme: BackendScheme;
  /** What the backend gets as Host; default: what the client sent. */
  readonly sentHost?: string;
  readonly manner?: Manner;
  /** Absent: TLS is passed through. */
  readonly tls?: Termination;
}

export interface PatternEntry {
  readonly profile: string;
  readonly route: string;
  readonly pattern: HostPattern;
  readonly target: TargetTemplate;
  /** Undefined: by the port of each name. */
  readonly scheme: BackendScheme | undefined;
  readonly manner?: Manner;
  readonly tls?: Termination;
}

/** One profile's built-in dynamic names. */
export interface DynamicEntry {
  readonly profile: string;
  /** Normalised. */
  readonly suffix: string;
  /** What may stand as `{context}`, and the context it means. Other labels are taken for the context's own name. */
  readonly contexts: Readonly<Record<string, string>>;
  readonly reach: DynamicReach;
  readonly tls?: Termination;
}

/** One profile's names of its cluster: `SERVICE.NAMESPACE`, with `svc` and the cluster's domain behind or not. */
export interface ClusterEntry {
  readonly profile: string;
  /** Undefined is the kubeconfig's current one. */
  readonly context: string | undefined;
  /** The context as dynamic names have it, where that is known. */
  readonly label: string | undefined;
  /** Names and patterns of names. */
  readonly namespaces: readonly string[];
  readonly clusterDomain: string;
  /** Of the profile's dynamic names; undefined where it has none. */
  readonly suffix: string | undefined;
  readonly tls?: Termination;
}

/** The origins of pages that one profile allows, as `parseAllowedOrigin` returns them. */
export interface OriginEntry {
  readonly profile: string;
  readonly allowed: readonly string[];
}

/** What a table is built from; each list in the order in which the profiles were attached. */
export interface RouteEntries {
  readonly static: readonly StaticEntry[];
  readonly patterns: readonly PatternEntry[];
  readonly dynamic: readonly DynamicEntry[];
  /** Absent where no profile serves any. */
  readonly cluster?: readonly ClusterEntry[];
  /** Absent where no profile allows any. */
  readonly origins?: readonly OriginEntry[];
  /** Of the names that are kt's own and no route's. */
  readonly ownTls?: Termination | undefined;
}

export interface Found {
  readonly kind: "found";
  readonly profile: string;
  /** As written; of a dynamic name, the name itself. */
  readonly route: string;
  readonly via: "static" | "pattern" | "dynamic";
  readonly target: Destination;
  readonly scheme: BackendScheme;
  /** See StaticEntry. */
  readonly sentHost?: string;
  readonly manner?: Manner;
  readonly tls?: Termination;
}

export interface Ambiguous {
  readonly kind: "ambiguous";
  readonly host: string;
  /** Each way to read the name, and how to write it so that it can be read in no other. */
  readonly readings: readonly string[];
  readonly hint: string;
}

/** A valid name that leads nowhere all the same: no profile has it, and it reaches too far. */
export interface Refused {
  readonly kind: "refused";
  readonly host: string;
  readonly reason: string;
  readonly hint: string;
}

export interface Unknown {
  readonly kind: "unknown";
  readonly host: string;
  readonly nearest: string | undefined;
  /** Every hostname and pattern of the table, for a page that lists them. */
  readonly known: readonly string[];
  /** How names of this form are written, where the name looks like a dynamic one. */
  readonly hint: string | undefined;
}

export type Lookup = Found | Ambiguous | Refused | Unknown;

/** Something that two profiles claim; the first keeps it. */
export interface Conflict {
  readonly kind: "host" | "pattern" | "context";
  /** The profile that does not get it, and its route as written (of a context, its short name). */
  readonly profile: string;
  readonly route: string;
  /** The profile that has it. */
  readonly holder: string;
}
