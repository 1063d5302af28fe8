/** Reads whole lists from the API, page by page, keeping of each object what is wanted; with an end, whatever the server sends. */

import { KtError } from "#base/errors.ts";
import { kubeLimits } from "#kube/limits.ts";
import type { Api } from "./api.ts";
import type { Access } from "./api-problem.ts";
import { TooLong } from "#base/capped-bytes.ts";
import type { RawList, RawObject } from "#kube/objects/objects.ts";

export interface Listed<Item> {
  readonly items: readonly Item[];
  readonly version: string | undefined;
}

export interface ListRequest<Item> {
  readonly api: Api;
  /** Of the collection. */
  readonly path: string;
  /** Selectors. */
  readonly query?: Readonly<Record<string, string>>;
  readonly access: Access;
  /** Asked for at once; default: `apiPageItems`. */
  readonly pageItems?: number | undefined;
  readonly pick: (raw: RawObject) => Item;
}

/** Rejects as `Api.get` does, and with KtError `cluster-error` for a list that is too long. */
export async function listAll<Item>(request: ListRequest<Item>, signal: AbortSignal): Promise<Listed<Item>> {
  const { api, path, query, access, pick } = request;
  const items: Item[] = [];
  let leftBytes: number = kubeLimits.apiListBytes;
  let pageItems: number = request.pageItems ?? kubeLimits.apiPageItems;
  let next = "";
  for (;;) {
    const search = new URLSearchParams({ ...query, limit: String(pageItems), ...(next === "" ? {} : { continue: next }) });
    try {
      const { value, lengthBytes } = await api.getSized(`${path}?${search}`, access, signal);
      const page = value as RawList<RawObject>;
      for (const raw of itemsOf(page, access)) items.push(pick(raw));
      leftBytes -= lengthBytes;
      next = page.metadata?.continue ?? "";
      if (next === "") return { items, version: page.metadata?.resourceVersion };
    } catch (error) {
      if (!(error instanceof TooLong) || pageItems === kubeLimits.apiLeastPageItems) throw error;
      pageItems = Math.max(kubeLimits.apiLeastPageItems, Math.ceil(pageItems / 10));
    }
    if (leftBytes <= 0 || items.length > kubeLimits.apiListItems)
      throw new KtError("cluster-error", `the list of ${access.resource} has no end: gave up after ${items.length} of them`);
  }
}

/** A list without items leaves the field out. */
function itemsOf({ items }: RawList<RawObject>, { resource }: Access): readonly RawObject[] {
  const given: unknown = items ?? [];
  if (Array.isArray(given)) return given;
  throw new KtError("cluster-error", `the answer to a list of ${resource} is not a list: is this a Kubernetes API server?`);
}
