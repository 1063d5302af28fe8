/** A log line for people: the parts of the text form in colours. */

import type { LogFields, LogLevel } from "#base/log.ts";
import { logParts } from "#daemon/process/log-line.ts";
import { cyan, dim, type Line, line, type Paint, plain, red, widthOf, yellow } from "#base/text.ts";

const paints: Readonly<Record<LogLevel, Paint>> = { debug: dim, info: plain, warn: yellow, error: red };

export function logLine(atMs: number, level: LogLevel, event: string, fields: LogFields): Line {
  const { time, level: padded, route, text } = logParts(atMs, level, event, fields);
  const head = [dim(time), " ", paints[level](padded), " "];
  return line([head, cyan(route), " ", text], widthOf(head));
}
