/** Which names a namespace has, for hints about those that it has not. */

import { kubeLimits } from "#kube/limits.ts";
import type { Api } from "#kube/api/api.ts";
import type { Access } from "#kube/api/api-problem.ts";
import type { RawList, RawObject } from "#kube/objects/objects.ts";

/** The first few hundred names of a collection; none where they may not be listed. */
export async function listNames(api: Api, path: string, access: Omit<Access, "verb">, signal: AbortSignal): Promise<string[]> {
  try {
    const list = (await api.get(`${path}?limit=${kubeLimits.apiPageItems}`, { ...access, verb: "list" }, signal)) as RawList<RawObject>;
    return (list.items ?? []).map((item) => item.metadata?.name ?? "");
  } catch {
    return [];
  }
}
