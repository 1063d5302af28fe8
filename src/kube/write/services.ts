/** Makes, replaces and removes single Services: those that lead to this machine. */

import type { Api } from "#kube/api/api.ts";
import type { KnownService, RawServicePort, ServiceManifest, Services } from "#kube/objects/known-service.ts";
import { OwnObjects } from "./own-objects.ts";

interface RawOwnService {
  readonly metadata?: {
    readonly name?: string;
    readonly uid?: string;
    readonly resourceVersion?: string;
    readonly deletionTimestamp?: string;
    readonly annotations?: Readonly<Record<string, string>>;
    readonly ownerReferences?: readonly { readonly uid?: string }[];
  };
  readonly spec?: {
    readonly type?: string;
    readonly clusterIP?: string;
    readonly selector?: Readonly<Record<string, string>>;
    readonly ports?: readonly RawServicePort[];
  };
}

export function parseOwnService({ metadata = {}, spec = {} }: RawOwnService): KnownService {
  return {
    name: metadata.name ?? "",
    uid: metadata.uid ?? "",
    version: metadata.resourceVersion ?? "",
    annotations: metadata.annotations ?? {},
    owners: (metadata.ownerReferences ?? []).flatMap(({ uid }) => uid ?? []),
    type: spec.type ?? "ClusterIP",
    isHeadless: spec.clusterIP === "None",
    isTerminating: metadata.deletionTimestamp !== undefined,
    selector: spec.selector,
    ports: spec.ports ?? [],
  };
}

export class ApiServices implements Services {
  readonly #objects: OwnObjects;

  constructor(api: Api) {
    this.#objects = new OwnObjects(api, { group: "", resource: "services", what: "service", code: "reverse-failed" });
  }

  async get(namespace: string, name: string, signal: AbortSignal): Promise<KnownService | undefined> {
    return known(await this.#objects.get(namespace, name, signal));
  }

  async create(namespace: string, manifest: ServiceManifest, signal: AbortSignal): Promise<KnownService | undefined> {
    return known(await this.#objects.create(namespace, manifest, signal));
  }

  async patch(namespace: string, service: KnownService, change: object, signal: AbortSignal): Promise<KnownService | undefined> {
    const { name, uid, version } = service;
    const { metadata = {}, ...rest } = change as { readonly metadata?: object };
    // With its version in it, the patch of one that has changed since is a conflict.
    const value = { ...rest, metadata: { ...metadata, uid, resourceVersion: version } };
    return known(await this.#objects.patch(namespace, name, value, signal));
  }

  async remove(namespace: string, { name, uid }: KnownService, signal: AbortSignal): Promise<void> {
    await this.#objects.remove(namespace, name, { preconditions: { uid } }, signal);
  }
}

function known(answer: unknown): KnownService | undefined {
  return answer === undefined ? undefined : parseOwnService(answer as RawOwnService);
}
