/** Shows hints, and tells those that are commands from those that are sentences. */

import type { Line, Paint } from "#base/text.ts";

const programs =
  /^(?:kt|kubectl|sudo|export|curl|echo|kill|ls|less|tail|lsof|psql|systemctl|launchctl|journalctl|chmod|chown|mv|rm|mkdir) /;

/** A command must stay one when it is pasted, so it is not broken into lines as a sentence is. */
export function isCommand(hint: string): boolean {
  return programs.test(hint) && !hint.includes("…");
}

/** Below what it is about. */
export function hintLine(hint: string, indent: number, paint: Paint): Line {
  return { text: [" ".repeat(indent), paint(hint)], hang: indent + 2, isCommand: isCommand(hint) };
}
