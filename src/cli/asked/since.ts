/** Reads what `--since` names: a duration back from now, a time of today, or a date with or without one. */

import { KtError } from "#base/errors.ts";
import { parseDuration } from "#profile/values/duration.ts";

/** Local times, unless they name a zone. Milliseconds since 1970. Throws KtError `usage`. */
export function parseSince(text: string, nowMs: number): number {
  const back = durationMs(text);
  if (back !== undefined) return nowMs - back;
  const full = withTime(withDate(text.trim(), nowMs));
  const atMs = /^\d{4}-\d\d-\d\dT/.test(full) ? Date.parse(full) : Number.NaN;
  if (!Number.isNaN(atMs)) return atMs;
  throw new KtError("usage", `"${text}" is not a valid time`, { hints: ["kt logs --since 5m", 'kt logs --since "2026-01-31 14:30"'] });
}

function durationMs(text: string): number | undefined {
  try {
    return parseDuration(text);
  } catch {
    return undefined;
  }
}

function withDate(text: string, nowMs: number): string {
  if (!/^\d{1,2}:\d\d/.test(text)) return text;
  const now = new Date(nowMs);
  const date = [now.getFullYear(), now.getMonth() + 1, now.getDate()].map((part) => String(part).padStart(2, "0")).join("-");
  return `${date} ${text.padStart(text.indexOf(":") === 1 ? text.length + 1 : 0, "0")}`;
}

/** A date alone would be read as midnight in Greenwich, and one with a blank as each engine likes. */
function withTime(text: string): string {
  return /^\d{4}-\d\d-\d\d$/.test(text) ? `${text}T00:00` : text.replace(/^(\d{4}-\d\d-\d\d) +/, "$1T");
}
