/** Keeps what agents get within bounds, whatever a cluster or a client wrote. Pure. */

import { mcpLimits } from "./limits.ts";

export interface Fitting<T> {
  readonly list: T[];
  /** How many were left out. */
  readonly leftOut: number;
}

/** As many as may be sent: the first of them, or the latest. */
export function fitting<T>(all: readonly T[], most: number, keep: "first" | "last" = "first"): Fitting<T> {
  const chosen: T[] = [];
  let bytes = 0;
  for (const each of keep === "first" ? all : all.toReversed()) {
    bytes += Buffer.byteLength(JSON.stringify(bounded(each)));
    if (chosen.length >= most || bytes > mcpLimits.listBytes) break;
    chosen.push(each);
  }
  return { list: keep === "first" ? chosen : chosen.toReversed(), leftOut: all.length - chosen.length };
}

/** The same value with no text longer than the limit: what is cut ends in "…". */
export function bounded(value: unknown): unknown {
  if (typeof value === "string") return value.length > mcpLimits.textChars ? `${cut(value)}…` : value;
  if (Array.isArray(value)) return value.map(bounded);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, each]) => [key, bounded(each)]));
}

/** Not within a surrogate pair. */
function cut(text: string): string {
  return text.slice(0, mcpLimits.textChars).replace(/[\ud800-\udbff]$/, "");
}
