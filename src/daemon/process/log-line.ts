/** Writes a log line as text or as JSON: the one form of `kt logs`, `kt up -v`, `kt serve` and the hub's log file. */

import type { LogFields, LogLevel } from "#base/log.ts";
import { maskSecrets } from "#base/mask.ts";
import { printable, printableJson } from "#base/printable.ts";

export type LogFormat = "text" | "json";

const needsQuotes = /[\s"=]/;

/** The parts of a text line. */
export interface LogParts {
  /** Local date and time of day. */
  readonly time: string;
  readonly level: string;
  /** "-" for what concerns no single route. */
  readonly route: string;
  readonly text: string;
}

/** `atMs` is the time of day. */
export function logParts(atMs: number, level: LogLevel, event: string, fields: LogFields = {}): LogParts {
  const { route = "-", text, ...rest } = fields;
  const pairs = Object.entries(rest)
    .filter(([, value]) => value !== undefined)
    .map(([key, value]) => ` ${key}=${needsQuotes.test(String(value)) ? JSON.stringify(String(value)) : String(value)}`);
  return { time: localTime(atMs), level: level.padEnd(5), route: String(route), text: maskSecrets(`${text ?? event}${pairs.join("")}`) };
}

/** One line without its end. */
export function formatLogLine(format: LogFormat, atMs: number, level: LogLevel, event: string, fields: LogFields = {}): string {
  if (format === "json") return printableJson({ at: new Date(atMs).toISOString(), level, event, ...maskedFields(fields) });
  const { time, level: padded, route, text } = logParts(atMs, level, event, fields);
  return printable(`${time} ${padded} ${route} ${text}`);
}

/** Value by value: in the text of the JSON a mask could take a quote with it. */
function maskedFields(fields: LogFields): LogFields {
  return Object.fromEntries(Object.entries(fields).map(([key, value]) => [key, typeof value === "string" ? maskSecrets(value) : value]));
}

function localTime(atMs: number): string {
  const at = new Date(atMs);
  const two = (value: number): string => String(value).padStart(2, "0");
  const date = [at.getFullYear(), two(at.getMonth() + 1), two(at.getDate())].join("-");
  return `${date} ${[at.getHours(), at.getMinutes(), at.getSeconds()].map(two).join(":")}`;
}
