/** Spans of time for people, and what a clock that is off means; pure. */

import { type Finding, Findings } from "./finding.ts";

const secondMs = 1000;
const minuteMs = 60 * secondMs;
const hourMs = 60 * minuteMs;
export const dayMs = 24 * hourMs;

const units: readonly (readonly [unitMs: number, word: string])[] = [
  [dayMs, "day"],
  [hourMs, "hour"],
  [minuteMs, "minute"],
  [secondMs, "second"],
];

/** In the largest unit that fits at least twice: "3 days", "90 minutes". */
export function timeSpan(spanMs: number): string {
  const [unitMs, word] = units.find(([each]) => spanMs >= 2 * each) ?? [secondMs, "second"];
  const count = Math.round(spanMs / unitMs);
  return `${count} ${word}${count === 1 ? "" : "s"}`;
}

/** From here on some tokens are refused; from the second on most certificates and tokens that were just made. */
const oddMs = minuteMs;
const brokenMs = 5 * minuteMs;

const setClock: Readonly<Record<string, readonly string[]>> = {
  linux: ["sudo timedatectl set-ntp true", "in WSL: sudo hwclock -s"],
  darwin: ["sudo sntp -sS time.apple.com"],
};

/** `aheadMs` is how far this machine's clock is ahead of the server's; undefined where the server has not answered. */
export function judgeClock(context: string, aheadMs: number | undefined, platform: string): readonly Finding[] {
  const findings = new Findings("clock", context);
  if (aheadMs === undefined) return findings.skipped("the API server has not told its time").list;
  const offMs = Math.abs(aheadMs);
  // The header has whole seconds and was some time on its way.
  if (offMs < oddMs) return findings.ok(`agrees with the API server's${offMs < 2 * secondMs ? "" : ` within ${timeSpan(offMs)}`}`).list;
  const direction = aheadMs > 0 ? "ahead of" : "behind";
  const effect =
    aheadMs > 0
      ? "certificates and tokens that are still good count as expired here"
      : "certificates and tokens that were just made count as not valid yet";
  const text = `this machine's clock is ${timeSpan(offMs)} ${direction} the API server's: ${effect}`;
  const fixes = setClock[platform] ?? ["set the clock by NTP"];
  return (offMs > brokenMs ? findings.broken(text, fixes) : findings.warn(text, fixes)).list;
}
