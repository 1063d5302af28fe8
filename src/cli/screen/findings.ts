/** Shows what was found: a line for each check with its mark, and what to do about it below. */

import { printableLines } from "#base/printable.ts";
import { bold, cyan, dim, green, plain, quotedLine, red, yellow } from "#base/text.ts";
import { hintLine } from "./hint.ts";
import type { Output } from "./output.ts";

interface ShownFinding {
  readonly check: string;
  /** What of several it is about. */
  readonly context?: string;
  readonly verdict: "ok" | "warn" | "broken" | "skipped";
  readonly text: string;
  readonly fixes: readonly string[];
}

export function showFindings(findings: readonly ShownFinding[], output: Output): void {
  const marks = { ok: green("✓"), warn: yellow("!"), broken: red("✗"), skipped: dim("-") };
  const width = Math.max(...findings.map(({ check }) => check.length));
  const indent = width + 4;
  const several = new Set(findings.flatMap(({ context }) => context ?? [])).size > 1;
  for (const { check, context, verdict, text, fixes } of findings) {
    if (output.quiet && verdict !== "broken") continue;
    const whole = `${several && context !== undefined ? `${context}: ` : ""}${verdict === "skipped" ? `skipped: ${text}` : text}`;
    // A plugin's own words may have several lines.
    const [first = "", ...more] = printableLines(whole);
    const paint = verdict === "skipped" ? dim : plain;
    output.line([marks[verdict], " ", bold(check.padEnd(width)), "  ", paint(first)], indent);
    output.lines(more.map((text) => quotedLine(paint(text), indent)));
    output.lines(fixes.map((fix) => hintLine(fix, indent, cyan)));
  }
  output.note(summary(findings));
}

function summary(findings: readonly ShownFinding[]): string {
  const count = (wanted: ShownFinding["verdict"]): number => findings.filter(({ verdict }) => verdict === wanted).length;
  const [broken, warnings] = [count("broken"), count("warn")];
  if (broken + warnings === 0) return "everything is fine";
  return `${broken} broken, ${warnings} warning${warnings === 1 ? "" : "s"}`;
}
