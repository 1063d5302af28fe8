/** What is known of one route besides its status: its requests and its events. Pure. */

import type { LogEntry, RequestEntry } from "#control/api.ts";
import { tuiLimits } from "#tui/limits.ts";
import type { Source } from "./log.ts";

export interface Detail {
  /** Of the route's row. */
  readonly key: string;
  /** Of its events. */
  readonly source: Source;
  /** Latest first, as the next. */
  readonly requests: readonly RequestEntry[];
  readonly events: readonly LogEntry[];
  /** How many lines are above the window. */
  readonly top: number;
}

export function newDetail(key: string, profile: string, route: string): Detail {
  return { key, source: { kind: "route", profile, route }, requests: [], events: [], top: 0 };
}

export function withEvents(detail: Detail, entries: readonly LogEntry[]): Detail {
  return { ...detail, events: [...entries.toReversed(), ...detail.events].slice(0, tuiLimits.detailEntries) };
}
