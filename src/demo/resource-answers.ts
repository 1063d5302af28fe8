/** Lists, single objects and the beginning of watches, out of the store. */

import { kinds } from "./api-paths.ts";
import type { ServerAnswer } from "#http/server.ts";
import { parseFieldSelector, parseLabelSelector, type Selects } from "./selectors.ts";
import { badRequest, invalidVersion, notFound, type Status, tooOldToList } from "./status.ts";
import type { Collection, ObjectStore } from "./store.ts";
import type { WatchRequest } from "./watch.ts";

export function jsonAnswer(code: number, body: object): ServerAnswer {
  return wholeAnswer(code, "application/json", `${JSON.stringify(body)}\n`);
}

export function statusAnswer(status: Status): ServerAnswer {
  return jsonAnswer(status.code, status);
}

export function textAnswer(code: number, text: string): ServerAnswer {
  return wholeAnswer(code, "text/plain; charset=utf-8", text);
}

function wholeAnswer(status: number, type: string, text: string): ServerAnswer {
  return { kind: "whole", status, headers: [["Content-Type", type]], body: Buffer.from(text) };
}

export function objectAnswer(store: ObjectStore, collection: Collection, namespace: string | undefined, name: string): ServerAnswer {
  const { kind, apiVersion, ...resource } = kinds[collection];
  const object = store.get(collection, namespace, name);
  return object ? jsonAnswer(200, { kind, apiVersion, ...object }) : statusAnswer(notFound(resource, name));
}

/** Both selectors of a request, or why one of them cannot be read. */
function selection(query: URLSearchParams): Selects | Status {
  const byLabel = parseLabelSelector(query.get("labelSelector"));
  const byField = parseFieldSelector(query.get("fieldSelector"));
  if ("problem" in byLabel) return badRequest(byLabel.problem);
  if ("problem" in byField) return badRequest(byField.problem);
  return (object) => byLabel(object) && byField(object);
}

/** The version that a request begins at; undefined for "any". */
function versionOf(query: URLSearchParams): number | undefined | Status {
  const text = query.get("resourceVersion") ?? "";
  if (text === "" || text === "0") return undefined;
  return /^\d+$/.test(text) ? Number(text) : invalidVersion(text);
}

export function listAnswer(
  store: ObjectStore,
  collection: Collection,
  namespace: string | undefined,
  query: URLSearchParams,
): ServerAnswer {
  const { kind, apiVersion } = kinds[collection];
  const selects = selection(query);
  if (typeof selects !== "function") return statusAnswer(selects);
  const version = versionOf(query);
  if (typeof version === "object") return statusAnswer(version);
  const exact = query.get("resourceVersionMatch") === "Exact";
  if (exact && version !== undefined && version < store.oldestVersion) return statusAnswer(tooOldToList);
  const items = store.list(collection, namespace).filter(selects);
  return jsonAnswer(200, { kind: `${kind}List`, apiVersion, metadata: { resourceVersion: String(store.version) }, items });
}

/** What a watch was asked for, or why it cannot be. */
export function watchRequest(collection: Collection, namespace: string | undefined, query: URLSearchParams): WatchRequest | Status {
  const { kind, apiVersion } = kinds[collection];
  const selects = selection(query);
  if (typeof selects !== "function") return selects;
  const version = versionOf(query);
  if (typeof version === "object") return version;
  const timeoutSeconds = Number(query.get("timeoutSeconds") ?? "0");
  return {
    collection,
    kind,
    apiVersion,
    namespace,
    selects,
    version,
    bookmarks: isTrue(query.get("allowWatchBookmarks")),
    timeoutMs: timeoutSeconds > 0 ? timeoutSeconds * 1000 : undefined,
  };
}

/** As Go's strconv.ParseBool reads it, as far as clients use that. */
export const isTrue = (text: string | null): boolean => text === "1" || text === "true";
