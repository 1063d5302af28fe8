/** The HTTP requests of the page, latest first: what is kept, and what is shown of it. Pure. */

import type { RequestEntry } from "#control/api.ts";
import type { RouteRef } from "./place.ts";

export const keptRequests = 1000;

export const outcomes = ["all", "2xx", "3xx", "4xx", "5xx", "left"] as const;
export type Outcome = (typeof outcomes)[number];

/** A request with a number of its own, by which its row is known. */
export interface ListedRequest extends RequestEntry {
  readonly id: number;
}

export interface RequestList {
  readonly requests: readonly ListedRequest[];
  readonly nextId: number;
  /** Those that the hub did not send, for there were too many. */
  readonly leftOut: number;
}

export const noRequests: RequestList = { requests: [], nextId: 0, leftOut: 0 };

/** `entries`: oldest first, as the hub sends them. */
export function withRequests({ requests, nextId, leftOut }: RequestList, entries: readonly RequestEntry[], more = 0): RequestList {
  const added = entries.map((entry, at): ListedRequest => ({ ...entry, id: nextId + at })).reverse();
  return { requests: [...added, ...requests].slice(0, keptRequests), nextId: nextId + entries.length, leftOut: leftOut + more };
}

/** Those of `entries` that are not among the others: a request has no number of its own in the hub. */
export function unlisted(entries: readonly RequestEntry[], listed: readonly RequestEntry[]): readonly RequestEntry[] {
  const known = new Set(listed.map(sign));
  return entries.filter((entry) => !known.has(sign(entry)));
}

function sign({ atMs, profile, route, method, path, durationMs }: RequestEntry): string {
  return [atMs, profile, route, method, path, durationMs].join("\n");
}

/** The host without its port, which is the same for all of them. */
export function hostOf({ name }: Pick<RequestEntry, "name">): string {
  return name.replace(/:[0-9]+$/, "");
}

export interface RequestChoice {
  readonly filter: string;
  readonly outcome: Outcome;
  readonly route: RouteRef | undefined;
}

export function shownRequests(requests: readonly ListedRequest[], { filter, outcome, route }: RequestChoice): readonly ListedRequest[] {
  const words = filter.toLowerCase().split(/\s+/);
  return requests.filter((each) => {
    if (route && (each.route !== route.route || each.profile !== route.profile)) return false;
    if (outcome !== "all" && outcomeOf(each) !== outcome) return false;
    const text = `${each.method} ${each.name}${each.path} ${each.status ?? "left"}`.toLowerCase();
    return words.every((word) => text.includes(word));
  });
}

export function outcomeOf({ status }: Pick<RequestEntry, "status">): Exclude<Outcome, "all"> {
  if (status === undefined) return "left";
  return outcomes.find((each): each is Exclude<Outcome, "all" | "left"> => each === `${Math.floor(status / 100)}xx`) ?? "2xx";
}

const safeMethods: readonly string[] = ["GET", "HEAD", "OPTIONS"];

/** May be sent again without asking. */
export function isSafe(method: string): boolean {
  return safeMethods.includes(method);
}
