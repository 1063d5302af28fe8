/** An event of the hub as a line of a log. Pure. */

import { cyan, dim, plain, type Paint, red, type Text, yellow } from "#base/text.ts";
import { timeOfDay } from "#base/time-of-day.ts";
import type { LogEntry } from "#control/api.ts";

const paints: Readonly<Record<LogEntry["level"], Paint>> = { debug: dim, info: plain, warn: yellow, error: red };

export function entryText({ atMs, level, route, text }: LogEntry, withRoute: boolean): Text {
  return [dim(timeOfDay(atMs)), " ", withRoute && route !== undefined ? [cyan(route), " "] : [], paints[level](text)];
}
