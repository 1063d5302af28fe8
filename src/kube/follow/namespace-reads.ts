/** Reads the services of one namespace and their slices, together when many are followed at once. */

import { collectionPath } from "#kube/objects/workload.ts";
import type { Clock } from "#base/clock.ts";
import { kubeLimits } from "#kube/limits.ts";
import type { Api } from "#kube/api/api.ts";
import type { Access } from "#kube/api/api-problem.ts";
import { pickService, pickSlice, type RawObject, type Service, type Slice, sliceServiceLabel } from "#kube/objects/objects.ts";
import { listAll } from "#kube/api/listing.ts";
import { slicesPath } from "./slice-watch.ts";
import { Together } from "./together.ts";

const never = new AbortController().signal;

export class NamespaceReads {
  readonly #api: Api;
  readonly #namespace: string;
  readonly #services: Together<Service>;
  readonly #slices: Together<readonly Slice[]>;

  constructor(api: Api, namespace: string, clock: Clock) {
    this.#api = api;
    this.#namespace = namespace;
    const common = { atOnce: kubeLimits.readsAtOnce, worthAll: kubeLimits.readsWorthList, freshMs: kubeLimits.readsFreshMs, clock };
    this.#services = new Together({
      ...common,
      one: (name, signal) => this.#oneService(name, signal),
      all: () => this.#allServices(),
    });
    this.#slices = new Together({
      ...common,
      one: (name, signal) => this.#listSlices({ labelSelector: `${sliceServiceLabel}=${name}` }, signal),
      all: () => this.#allSlices(),
    });
  }

  get servicesPath(): string {
    return collectionPath("", this.#namespace, "services");
  }

  /** Rejects as `Api.get` does. */
  service(name: string, signal: AbortSignal): Promise<Service> {
    return this.#services.read(name, signal);
  }

  /** Rejects as `Api.get` does. */
  slices(service: string, signal: AbortSignal): Promise<readonly Slice[]> {
    return this.#slices.read(service, signal);
  }

  serviceAccess(name: string): Access {
    return { verb: "get", resource: "services", group: "", namespace: this.#namespace, name };
  }

  get slicesAccess(): Access {
    return { verb: "list", resource: "endpointslices", group: "discovery.k8s.io", namespace: this.#namespace };
  }

  async #oneService(name: string, signal: AbortSignal): Promise<Service> {
    return pickService((await this.#api.get(`${this.servicesPath}/${name}`, this.serviceAccess(name), signal)) as RawObject);
  }

  async #allServices(): Promise<ReadonlyMap<string, Service>> {
    const access = { verb: "list", resource: "services", group: "", namespace: this.#namespace } as const;
    const { items } = await listAll({ api: this.#api, path: this.servicesPath, access, pick: pickService }, never);
    return new Map(items.map((service) => [service.name, service]));
  }

  async #allSlices(): Promise<ReadonlyMap<string, readonly Slice[]>> {
    return Map.groupBy(await this.#listSlices({}, never), ({ service }) => service);
  }

  async #listSlices(query: Readonly<Record<string, string>>, signal: AbortSignal): Promise<readonly Slice[]> {
    const path = slicesPath(this.#namespace);
    return (await listAll({ api: this.#api, path, query, access: this.slicesAccess, pick: pickSlice }, signal)).items;
  }
}
