/** Lines that the operator, the uplinks and the host of an EdgeNode write, in one form; what they say is a stranger's. Pure. */

import type { LogLevel } from "#base/log.ts";
import { logParts } from "#daemon/process/log-line.ts";

export interface EdgeLogLine {
  /** Undefined where it does not say. */
  readonly atMs: number | undefined;
  readonly level: LogLevel;
  /** `operator`, `uplink-0`, `edge`. */
  readonly source: string;
  readonly text: string;
}

/** kt's own lines have a time and a level of their own, and a route, of which these have none. */
const own = /^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d (debug|info|warn|error) +- (.*)$/;
const levels: readonly LogLevel[] = ["debug", "info", "warn", "error"];

function lineOf(source: string, givenMs: number, words: string): EdgeLogLine {
  const atMs = Number.isNaN(givenMs) ? undefined : givenMs;
  const [, word, said = words] = own.exec(words) ?? [];
  const level = levels.find((each) => each === word);
  return { atMs, source, ...(level === undefined ? ofJson(words) : { level, text: said }) };
}

/** As `--log-format json` has them, or what is not kt's own. */
function ofJson(words: string): Pick<EdgeLogLine, "level" | "text"> {
  const value = parsed(words);
  const level = levels.find((each) => each === value?.["level"]);
  if (value === undefined || level === undefined) return { level: "info", text: words };
  const fields = Object.entries(value).flatMap(([key, each]) =>
    ["at", "level", "event"].includes(key) ? [] : [[key, String(each)] as const],
  );
  return { level, text: logParts(0, level, String(value["event"]), Object.fromEntries(fields)).text };
}

function parsed(words: string): Readonly<Record<string, unknown>> | undefined {
  if (!words.startsWith("{")) return undefined;
  try {
    return JSON.parse(words) as Readonly<Record<string, unknown>>;
  } catch {
    return undefined;
  }
}

/** As the API server writes a line of a log with its time: 2026-03-01T12:00:00.123456789Z what it says. */
export function podLine(source: string, line: string): EdgeLogLine {
  const blank = line.indexOf(" ");
  const atMs = Date.parse(line.slice(0, Math.max(0, blank)));
  return Number.isNaN(atMs) ? lineOf(source, Number.NaN, line) : lineOf(source, atMs, line.slice(blank + 1));
}

/** As journalctl writes it with -o short-unix: 1700000000.123456 host kt[12]: what it says. */
export function journalLine(line: string): EdgeLogLine {
  const [, seconds = "", program = "", words = line] = /^(\d+\.\d+) \S+ ([^:\s]+): (.*)$/.exec(line) ?? [];
  const said = program === "" || /^(kt|sh)\[/.test(program) ? words : `${program}: ${words}`;
  return lineOf("edge", Math.floor(Number.parseFloat(seconds) * 1000), said);
}

/** Whether a line of the operator is about one of these objects, each as namespace/name. */
export function isAbout(line: string, objects: readonly string[]): boolean {
  return objects.some((object) => {
    const at = line.indexOf(object);
    return at >= 0 && !/[\w.-]/.test(line.charAt(at - 1)) && !/[\w-]/.test(line.charAt(at + object.length));
  });
}

/** The oldest first; what has no time stays behind what came before it from there. */
export function inOrder(lines: readonly EdgeLogLine[]): EdgeLogLine[] {
  const latest = new Map<string, number>();
  const dated = lines.map((line) => {
    const atMs = line.atMs ?? latest.get(line.source) ?? 0;
    latest.set(line.source, atMs);
    return { line, atMs };
  });
  return dated.sort((a, b) => a.atMs - b.atMs).map(({ line }) => line);
}
