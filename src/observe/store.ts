/** The versioned status of what the hub has: one writer puts what is true now, and each reader gets what changed since it last asked. */

import { observeLimits } from "./limits.ts";

/** `value`: undefined where the entry was removed. */
export interface Change<Value> {
  readonly id: number;
  readonly value: Value | undefined;
}

export interface Changes<Value> {
  /** What the reader knows is void: what follows is all there is. */
  readonly isAnew: boolean;
  readonly changes: readonly Change<Value>[];
  /** Nothing is left to read now. */
  readonly isComplete: boolean;
}

interface Entry<Value> {
  readonly id: number;
  readonly version: number;
  readonly value: Value | undefined;
}

export class StatusStore<Value> {
  readonly #isEqual: (one: Value, other: Value) => boolean;
  readonly #removedKept: number;
  /** In the order of their versions. Of what was removed the latest stay for a while, for readers that have yet to hear of it. */
  readonly #entries = new Map<string, Entry<Value>>();
  #removed = 0;
  #version = 0;
  #lastId = 0;
  /** The latest version of a removal that is not kept any more: a reader that had not come as far begins anew. */
  #forgottenVersion = 0;

  constructor(isEqual: (one: Value, other: Value) => boolean, removedKept: number = observeLimits.removedEntries) {
    this.#isEqual = isEqual;
    this.#removedKept = removedKept;
  }

  /** Goes up with every change. */
  get version(): number {
    return this.#version;
  }

  get forgottenVersion(): number {
    return this.#forgottenVersion;
  }

  get(key: string): Value | undefined {
    return this.#entries.get(key)?.value;
  }

  /** A value that equals the present one does not count as a change. */
  put(key: string, value: Value): void {
    const old = this.#entries.get(key);
    if (old?.value !== undefined && this.#isEqual(old.value, value)) return;
    if (old && old.value === undefined) this.#removed -= 1;
    this.#entries.delete(key);
    this.#entries.set(key, { id: old?.id ?? ++this.#lastId, version: ++this.#version, value });
  }

  remove(key: string): void {
    const old = this.#entries.get(key);
    if (old?.value === undefined) return;
    this.#entries.delete(key);
    this.#entries.set(key, { id: old.id, version: ++this.#version, value: undefined });
    this.#removed += 1;
    if (this.#removed > this.#removedKept) this.#forgetOldestRemoved();
  }

  /** Of at most `limit` entries, oldest change first; those that were removed stand out by having no value. */
  after(version: number, limit: number): readonly Entry<Value>[] {
    const found: Entry<Value>[] = [];
    if (version === this.#version) return found;
    for (const entry of this.#entries.values()) {
      if (entry.version <= version) continue;
      found.push(entry);
      if (found.length === limit) break;
    }
    return found;
  }

  reader(): StatusReader<Value> {
    return new StatusReader(this);
  }

  #forgetOldestRemoved(): void {
    for (const [key, { value, version }] of this.#entries) {
      if (value !== undefined) continue;
      this.#entries.delete(key);
      this.#removed -= 1;
      this.#forgottenVersion = version;
      return;
    }
  }
}

/** Reads a store at its own pace. It keeps two numbers, however far it is behind. */
export class StatusReader<Value> {
  readonly #store: StatusStore<Value>;
  #version = 0;
  /** Removals up to this version are of entries that this reader was never given. */
  #forgottenBefore = 0;
  #isAnew = true;

  constructor(store: StatusStore<Value>) {
    this.#store = store;
    this.#beginAnew();
  }

  /** What changed since the last call, oldest first and at most `limit` entries of it; undefined where nothing did. */
  next(limit: number): Changes<Value> | undefined {
    const { forgottenVersion } = this.#store;
    if (forgottenVersion > this.#forgottenBefore && forgottenVersion > this.#version) this.#beginAnew();
    const isAnew = this.#isAnew;
    const entries = this.#store.after(this.#version, limit);
    this.#version = entries.at(-1)?.version ?? this.#version;
    this.#isAnew = false;
    if (entries.length === 0 && !isAnew) return undefined;
    const changes = entries.map(({ id, value }) => ({ id, value }));
    return { isAnew, changes, isComplete: this.#version === this.#store.version };
  }

  #beginAnew(): void {
    this.#version = 0;
    this.#isAnew = true;
    this.#forgottenBefore = this.#store.forgottenVersion;
  }
}
