/** The objects of the embedded cluster with their versions, and every change since the last compaction, for watches. */

import { deepEquals } from "bun";

/** The collections that there are. */
export const collections = [
  "namespaces",
  "services",
  "pods",
  "endpointslices",
  "deployments",
  "statefulsets",
  "replicasets",
  "daemonsets",
  "jobs",
  "replicationcontrollers",
] as const;
export type Collection = (typeof collections)[number];

export interface Metadata {
  readonly name: string;
  /** Undefined for namespaces. */
  readonly namespace?: string;
  readonly uid: string;
  readonly resourceVersion: string;
  readonly creationTimestamp: string;
  readonly labels?: Readonly<Record<string, string>>;
  readonly deletionTimestamp?: string;
}

/** What is put into the store; the rest of the metadata is the store's. */
export interface NewObject {
  readonly metadata: Pick<Metadata, "name" | "namespace" | "labels" | "deletionTimestamp">;
  readonly [field: string]: unknown;
}

export interface StoredObject extends NewObject {
  readonly metadata: Metadata;
}

export interface Change {
  readonly version: number;
  readonly collection: Collection;
  readonly type: "ADDED" | "MODIFIED" | "DELETED";
  readonly object: StoredObject;
  /** As it was before, for selectors that it no longer or only now matches. */
  readonly before: StoredObject | undefined;
}

const keyOf = (namespace: string | undefined, name: string): string => `${namespace ?? ""}/${name}`;

/** More changes than any watch of ours is behind. */
const keptChanges = 1000;

export class ObjectStore {
  readonly #collections = new Map<Collection, Map<string, StoredObject>>(collections.map((name) => [name, new Map()]));
  readonly #listeners = new Set<(change: Change) => void>();
  #changes: Change[] = [];
  /** One counter for everything, as etcd has it. It does not begin at 0, which means "any" in requests. */
  #version = 100;
  /** Changes up to here are forgotten. */
  #compacted = 100;

  get version(): number {
    return this.#version;
  }

  get oldestVersion(): number {
    return this.#compacted;
  }

  get(collection: Collection, namespace: string | undefined, name: string): StoredObject | undefined {
    return this.#objects(collection).get(keyOf(namespace, name));
  }

  /** In the order of their keys; of all namespaces when `namespace` is undefined. */
  list(collection: Collection, namespace?: string): StoredObject[] {
    const all = [...this.#objects(collection)].sort(([one], [other]) => (one < other ? -1 : 1)).map(([, object]) => object);
    return namespace === undefined ? all : all.filter(({ metadata }) => metadata.namespace === namespace);
  }

  /** Adds or replaces; an object that is the same as before changes nothing. */
  put(collection: Collection, given: NewObject): void {
    const { name, namespace } = given.metadata;
    const before = this.get(collection, namespace, name);
    if (before && sameApartFromVersion(before, given)) return;
    const metadata: Metadata = {
      ...given.metadata,
      uid: before?.metadata.uid ?? crypto.randomUUID(),
      creationTimestamp: before?.metadata.creationTimestamp ?? timestamp(),
      resourceVersion: String(++this.#version),
    };
    const object = { ...given, metadata };
    this.#objects(collection).set(keyOf(namespace, name), object);
    this.#tell({ version: this.#version, collection, type: before ? "MODIFIED" : "ADDED", object, before });
  }

  /** Removes; false when there was no such object. */
  delete(collection: Collection, namespace: string | undefined, name: string): boolean {
    const before = this.get(collection, namespace, name);
    if (!before) return false;
    this.#objects(collection).delete(keyOf(namespace, name));
    const object = { ...before, metadata: { ...before.metadata, resourceVersion: String(++this.#version) } };
    this.#tell({ version: this.#version, collection, type: "DELETED", object, before });
    return true;
  }

  /** Changes after `version`, oldest first; "expired" when some of them are forgotten. */
  since(version: number): readonly Change[] | "expired" {
    if (version < this.#compacted) return "expired";
    return this.#changes.filter((change) => change.version > version);
  }

  /** Forgets the changes so far: watches that want to begin before now get an error. */
  compact(): void {
    this.#changes = [];
    this.#compacted = this.#version;
  }

  /** Calls back on every change from now on; the returned function ends that. */
  follow(listener: (change: Change) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  #objects(collection: Collection): Map<string, StoredObject> {
    return this.#collections.get(collection) ?? new Map<string, StoredObject>();
  }

  #tell(change: Change): void {
    this.#changes.push(change);
    if (this.#changes.length > keptChanges) this.#compacted = this.#changes.shift()?.version ?? this.#compacted;
    for (const listener of this.#listeners) listener(change);
  }
}

/** The present time as Kubernetes writes it, in whole seconds. */
export function timestamp(): string {
  return `${new Date().toISOString().slice(0, 19)}Z`;
}

function sameApartFromVersion(before: StoredObject, given: NewObject): boolean {
  const { uid: _uid, resourceVersion: _version, creationTimestamp: _created, ...metadata } = before.metadata;
  return deepEquals({ ...before, metadata }, given);
}
