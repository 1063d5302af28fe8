/** Keeps all objects of one kind in a namespace, or in the cluster, over one list and one watch. */

import { collectionPath } from "#kube/objects/workload.ts";
import type { Clock } from "#base/clock.ts";
import type { KtError } from "#base/errors.ts";
import type { Log } from "#base/log.ts";
import { kubeLimits } from "#kube/limits.ts";
import type { Api } from "#kube/api/api.ts";
import type { Access } from "#kube/api/api-problem.ts";
import { pickService, pickSlice, type RawObject, type Service, type Slice } from "#kube/objects/objects.ts";
import type { CollectionListener, CollectionRequest } from "#kube/objects/types.ts";
import { Reflector } from "./reflector.ts";
import { slicesPath } from "./slice-watch.ts";

export interface CollectionOptions {
  readonly api: Api;
  readonly clock: Clock;
  readonly log: Log;
}

interface Kind<Item> {
  readonly path: string;
  readonly query: Readonly<Record<string, string>>;
  readonly access: Omit<Access, "verb">;
  readonly pick: (raw: RawObject) => Item;
  readonly oneByOne?: readonly string[] | undefined;
  readonly pageItems?: number;
}

/** The label that Kubernetes puts on the slices of services without an address of their own. */
const headlessLabel = "service.kubernetes.io/headless";

type ServicesRequest = Extract<CollectionRequest, { kind: "services" }>;

/** Labels are not looked at here, so what a selector chooses cannot be asked for by name. */
function servicesOf({ namespace, selector, names }: ServicesRequest): Kind<Service> {
  const query: Readonly<Record<string, string>> = selector === undefined ? {} : { labelSelector: selector };
  const access = { resource: "services", group: "", namespace };
  return {
    path: collectionPath("", namespace, "services"),
    query,
    access,
    pick: pickService,
    oneByOne: selector === undefined ? names : undefined,
    pageItems: kubeLimits.apiPageServices,
  };
}

function headlessSlicesOf(namespace: string): Kind<Slice> {
  const access = { resource: "endpointslices", group: "discovery.k8s.io", namespace };
  return { path: slicesPath(namespace), query: { labelSelector: headlessLabel }, access, pick: pickSlice };
}

const namespaces: Kind<{ readonly name: string }> = {
  path: "/api/v1/namespaces",
  query: {},
  access: { resource: "namespaces", group: "", namespace: "" },
  pick: ({ metadata }) => ({ name: metadata?.name ?? "" }),
};

export class Collection<Item extends { readonly name: string }> {
  readonly #reflector: Reflector<Item>;
  readonly #items = new Map<string, Item>();
  readonly #listener: CollectionListener<Item>;
  #hasFailed = false;

  constructor(
    { path, query, access, pick, oneByOne, pageItems }: Kind<Item>,
    listener: CollectionListener<Item>,
    options: CollectionOptions,
  ) {
    this.#listener = listener;
    this.#reflector = new Reflector<Item>({
      ...options,
      path,
      query,
      access,
      pick,
      oneByOne,
      pageItems,
      listener: {
        onList: (items) => this.#listed(items),
        onItem: (item, deleted) => this.#changed(item, deleted),
        onProblem: (problem: KtError) => this.#failed(problem),
        onPolled: (polling) => listener.onPolled(polling),
        onWatching: () => this.#repaired(),
      },
    });
  }

  wake(): void {
    this.#reflector.wake();
  }

  close(): void {
    this.#reflector.close();
  }

  #failed(problem: KtError): void {
    this.#hasFailed = true;
    this.#listener.onProblem(problem);
  }

  /** A watch that goes on from where it stopped may have nothing to tell for hours. */
  #repaired(): void {
    if (!this.#hasFailed) return;
    this.#hasFailed = false;
    this.#listener.onItems([...this.#items.values()]);
  }

  #listed(items: readonly Item[]): void {
    this.#hasFailed = false;
    this.#items.clear();
    for (const item of items) this.#items.set(item.name, item);
    this.#listener.onItems([...this.#items.values()]);
  }

  #changed(item: Item, deleted: boolean): void {
    if (deleted) this.#items.delete(item.name);
    else this.#items.set(item.name, item);
    this.#listener.onItems([...this.#items.values()]);
  }
}

/** Begins at once; the listener is called later. */
export function openCollection(
  request: CollectionRequest,
  options: CollectionOptions,
): Collection<Service> | Collection<Slice> | Collection<{ readonly name: string }> {
  if (request.kind === "services") return new Collection(servicesOf(request), request.listener, options);
  if (request.kind === "headless-slices") return new Collection(headlessSlicesOf(request.namespace), request.listener, options);
  return new Collection(namespaces, request.listener, options);
}
