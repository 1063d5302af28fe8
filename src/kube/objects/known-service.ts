/** What kt knows of a Service that it makes or replaces, and what it may do with such: the contract that the cluster keeps. */

/** As the API writes it, with whatever else it has. */
export interface RawServicePort {
  readonly name?: string;
  readonly port: number;
  readonly protocol?: string;
  readonly targetPort?: number | string;
}

/** A Service at one moment, as far as who makes or replaces it must know it. */
export interface KnownService {
  readonly name: string;
  readonly uid: string;
  readonly version: string;
  readonly annotations: Readonly<Record<string, string>>;
  /** The uids of its owners: the cluster removes it with the last of them. */
  readonly owners: readonly string[];
  readonly type: string;
  /** It has no address of its own in the cluster: its name leads to its pods. */
  readonly isHeadless: boolean;
  readonly isTerminating: boolean;
  /** Undefined: its endpoints are written by other means. */
  readonly selector: Readonly<Record<string, string>> | undefined;
  readonly ports: readonly RawServicePort[];
}

export interface ServiceManifest {
  readonly metadata: { readonly name: string };
}

export interface Services {
  /** Undefined when there is none. */
  get(namespace: string, name: string, signal: AbortSignal): Promise<KnownService | undefined>;
  /** Undefined when there is one of that name. Rejects with `reverse-failed` where the cluster does not take it. */
  create(namespace: string, manifest: ServiceManifest, signal: AbortSignal): Promise<KnownService | undefined>;
  /** As a merge patch. Undefined when it has changed since, or is gone: nothing is written then. */
  patch(namespace: string, service: KnownService, change: object, signal: AbortSignal): Promise<KnownService | undefined>;
  /** That very Service; harmless when it is gone. */
  remove(namespace: string, service: KnownService, signal: AbortSignal): Promise<void>;
}

/** An object that goes with its one owner. */
export interface OwnedManifest {
  readonly metadata: { readonly name: string; readonly ownerReferences: readonly { readonly uid: string }[] };
}

/** What lets the pods of a Job act in the cluster. */
export interface GrantManifests {
  readonly serviceAccount: OwnedManifest;
  readonly role: OwnedManifest;
  readonly roleBinding: OwnedManifest;
}

export interface Grants {
  /**
   * What its owner has already stays as it is; what an earlier owner had is waited for to go. Rejects with `reverse-failed` where it does
   * not, or where the cluster does not take what is made.
   */
  create(namespace: string, manifests: GrantManifests, signal: AbortSignal): Promise<void>;
}
