/** The Services of a cluster in memory, with merge patches and versions as the API has them, and what was granted. */

import { parseOwnService } from "#kube/write/services.ts";
import type { GrantManifests, Grants, KnownService, ServiceManifest, Services } from "#kube/objects/known-service.ts";

type Json = { [key: string]: unknown };

/** RFC 7396. */
function merged(target: unknown, patch: unknown): unknown {
  if (typeof patch !== "object" || patch === null || Array.isArray(patch)) return patch;
  const result: Json = typeof target === "object" && target !== null && !Array.isArray(target) ? { ...target } : {};
  for (const [key, value] of Object.entries(patch)) {
    if (value === null) delete result[key];
    else result[key] = merged(result[key], value);
  }
  return result;
}

export class FakeServices implements Services {
  readonly #objects = new Map<string, Json>();
  #version = 0;
  /** Thrown by the next write. */
  problem: Error | undefined;
  /** Every write fails. */
  isBroken = false;

  /** Puts one there that kt did not make. */
  set(namespace: string, name: string, object: Json): void {
    this.#put(`${namespace}/${name}`, merged({ metadata: { name, uid: `service-${++this.#version}` } }, object) as Json);
  }

  raw(namespace: string, name: string): Json | undefined {
    return this.#objects.get(`${namespace}/${name}`);
  }

  async get(namespace: string, name: string): Promise<KnownService | undefined> {
    const object = this.raw(namespace, name);
    return object && parseOwnService(object);
  }

  async create(namespace: string, manifest: ServiceManifest): Promise<KnownService | undefined> {
    this.#fail();
    const key = `${namespace}/${manifest.metadata.name}`;
    if (this.#objects.has(key)) return undefined;
    return parseOwnService(this.#put(key, merged({ metadata: { uid: `service-${++this.#version}` } }, manifest) as Json));
  }

  async patch(namespace: string, { name, version }: KnownService, change: object): Promise<KnownService | undefined> {
    this.#fail();
    const object = this.raw(namespace, name);
    if (!object || parseOwnService(object).version !== version) return undefined;
    return parseOwnService(this.#put(`${namespace}/${name}`, merged(object, change) as Json));
  }

  async remove(namespace: string, { name }: KnownService): Promise<void> {
    this.#fail();
    this.#objects.delete(`${namespace}/${name}`);
  }

  #put(key: string, object: Json): Json {
    const versioned = merged(object, { metadata: { resourceVersion: String(++this.#version) } }) as Json;
    this.#objects.set(key, versioned);
    return versioned;
  }

  #fail(): void {
    const { problem } = this;
    this.problem = undefined;
    if (this.isBroken) throw new Error("away");
    if (problem) throw problem;
  }
}

export class FakeGrants implements Grants {
  readonly made: GrantManifests[] = [];

  async create(_: string, manifests: GrantManifests): Promise<void> {
    this.made.push(manifests);
  }
}
