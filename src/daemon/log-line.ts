/** Writes a log line as text or as JSON. */

import type { LogFields, LogLevel } from "#base/log.ts";

export type LogFormat = "text" | "json";

const needsQuotes = /[\s"=]/;

/** One line without its end. `atMs` is the time of day. */
export function formatLogLine(format: LogFormat, atMs: number, level: LogLevel, event: string, fields: LogFields = {}): string {
  const at = new Date(atMs).toISOString();
  if (format === "json") return JSON.stringify({ at, level, event, ...fields });
  const pairs = Object.entries(fields)
    .filter(([, value]) => value !== undefined)
    .map(([key, value]) => ` ${key}=${needsQuotes.test(String(value)) ? JSON.stringify(String(value)) : String(value)}`);
  return `${at} ${level.padEnd(5)} ${event}${pairs.join("")}`;
}
