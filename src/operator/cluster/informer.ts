/** Keeps a copy of all objects of a kind, in one namespace or in all, and tells of each change. */

import type { Clock } from "#base/clock.ts";
import type { Log } from "#base/log.ts";
import type { Api } from "#kube/api/api.ts";
import { Reflector } from "#kube/follow/reflector.ts";
import type { RawObject } from "#kube/objects/objects.ts";
import { type KubeKind, type KubeObject, kindPath, type ObjectMeta } from "./kinds.ts";

export interface Watching {
  readonly api: Api;
  readonly clock: Clock;
  readonly log: Log;
}

export interface InformerOptions<Item> extends Watching {
  readonly kind: KubeKind;
  /** Default: all. */
  readonly namespace?: string | undefined;
  /** As the API takes them; default: all. */
  readonly labels?: string;
  /** What is kept of each; the rest is dropped as soon as it is parsed. */
  readonly pick: (raw: KubeObject) => Item;
  /** Undefined: it was not there, or is there no more. */
  readonly onChange: (now: Item | undefined, before: Item | undefined) => void;
}

interface Named<Item> {
  readonly name: string;
  readonly item: Item;
}

export class Informer<Item> {
  readonly #reflector: Reflector<Named<Item>>;
  readonly #onChange: InformerOptions<Item>["onChange"];
  #items = new Map<string, Item>();
  readonly #listed = Promise.withResolvers<void>();

  constructor({ kind, namespace, labels, pick, onChange, api, clock, log }: InformerOptions<Item>) {
    this.#onChange = onChange;
    this.#reflector = new Reflector<Named<Item>>({
      api,
      clock,
      log,
      path: kindPath(kind, namespace),
      query: labels === undefined ? {} : { labelSelector: labels },
      access: { resource: kind.resource, group: kind.group, namespace: namespace ?? "" },
      pick: (raw) => ({ name: keyOf(objectOf(raw).metadata), item: pick(objectOf(raw)) }),
      listener: {
        onList: (items) => this.#list(items),
        onItem: ({ name, item }, isDeleted) => this.#set(name, isDeleted ? undefined : item),
        onProblem: (problem) => log("warn", "watch-failed", { resource: kind.resource, reason: problem.message }),
      },
    });
  }

  /** Once the first list is here. */
  get listed(): Promise<void> {
    return this.#listed.promise;
  }

  /** By `namespace/name`. */
  get items(): ReadonlyMap<string, Item> {
    return this.#items;
  }

  close(): void {
    this.#reflector.close();
  }

  #list(items: readonly Named<Item>[]): void {
    const previous = this.#items;
    this.#items = new Map(items.map(({ name, item }) => [name, item]));
    for (const [name, item] of this.#items) this.#onChange(item, previous.get(name));
    for (const [name, item] of previous) if (!this.#items.has(name)) this.#onChange(undefined, item);
    this.#listed.resolve();
  }

  #set(name: string, item: Item | undefined): void {
    const before = this.#items.get(name);
    if (item === undefined) this.#items.delete(name);
    else this.#items.set(name, item);
    this.#onChange(item, before);
  }
}

/** What is read of an object is checked where it is read. */
export function objectOf(raw: RawObject): KubeObject {
  const metadata: Partial<ObjectMeta> = raw.metadata ?? {};
  return { ...(raw as object), metadata: { ...metadata, name: metadata.name ?? "" } };
}

export function keyOf({ namespace = "", name }: ObjectMeta): string {
  return `${namespace}/${name}`;
}
