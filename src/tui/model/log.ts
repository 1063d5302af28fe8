/** Lines of a log that is followed, and which of them the window shows. Pure. */

import { type Text, yellow } from "#base/text.ts";
import { tuiLimits } from "#tui/limits.ts";

/** What is followed: the hub's events, all or those of a route; the pods of a route until it is known which; or one container. */
export type Source =
  | { readonly kind: "hub" }
  | { readonly kind: "route"; readonly profile: string; readonly route: string }
  | { readonly kind: "pods"; readonly profile: string; readonly route: string }
  | { readonly kind: "pod"; readonly profile: string; readonly route: string; readonly pod: string; readonly container: string };

export interface LogView {
  /** Another object begins to be followed anew, also where it says the same. */
  readonly source: Source;
  readonly lines: readonly Text[];
  /** How many lines at the end are below the window; 0: it follows what comes. */
  readonly below: number;
  readonly isWrapped: boolean;
  /** Why nothing more comes. */
  readonly end: string | undefined;
}

export function newLog(source: Source): LogView {
  return { source: { ...source }, lines: [], below: 0, isWrapped: false, end: undefined };
}

/** The window stays at its lines while others come. */
export function withLines(log: LogView, added: readonly Text[], leftOut = 0): LogView {
  const gap: readonly Text[] = leftOut === 0 ? [] : [yellow(`${leftOut} lines were left out: they came too fast`)];
  const lines = [...log.lines, ...gap, ...added].slice(-tuiLimits.logLines);
  return { ...log, lines, below: log.below === 0 ? 0 : Math.min(log.below + gap.length + added.length, lines.length) };
}

/** So many lines towards the end; there it follows again. */
export function scrolledLog(log: LogView, by: number, rows: number): LogView {
  return { ...log, below: Math.max(0, Math.min(log.below - by, log.lines.length - rows)) };
}
