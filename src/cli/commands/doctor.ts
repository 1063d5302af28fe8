/** `kt doctor`: looks at everything between a profile and its pods, and says what is wrong and what to do about it. */

import { printableLines } from "#base/printable.ts";
import type { CommandContext } from "#cli/command.ts";
import { exitCodes } from "#cli/exit.ts";
import { hintLine } from "#cli/screen/hint.ts";
import type { Output } from "#cli/screen/output.ts";
import { absolutePath, namedFile, shellEnvironment } from "#cli/profile-file.ts";
import { surroundings } from "#control/socket-path.ts";
import { writeBundle } from "#doctor/bundle.ts";
import { examine } from "#doctor/doctor.ts";
import { bold, cyan, dim, green, plain, quotedLine, red, yellow } from "#base/text.ts";
import type { Finding } from "#doctor/finding.ts";

export async function doctor({ options, output, build }: CommandContext): Promise<number> {
  const given = options.text("file");
  const bundle = options.text("bundle");
  const at = surroundings();
  const file = given === undefined ? undefined : await namedFile(given);
  const question = { file, directory: process.cwd(), environment: shellEnvironment(), home: at.home, at, build, fix: options.flag("fix") };
  const diagnosis = await examine(question);
  const { findings } = diagnosis;
  const ok = findings.every(({ verdict }) => verdict !== "broken");
  if (options.flag("json")) output.json({ ok, findings });
  else showFindings(findings, output);
  if (bundle !== undefined) {
    const path = absolutePath(bundle);
    await writeBundle(path, diagnosis, question);
    output.note(`wrote ${path}: secrets are masked, but read it over before you send it`);
  }
  return ok ? exitCodes.done : exitCodes.failed;
}

function showFindings(findings: readonly Finding[], output: Output): void {
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

function summary(findings: readonly Finding[]): string {
  const count = (wanted: Finding["verdict"]): number => findings.filter(({ verdict }) => verdict === wanted).length;
  const [broken, warnings] = [count("broken"), count("warn")];
  if (broken + warnings === 0) return "everything is fine";
  return `${broken} broken, ${warnings} warning${warnings === 1 ? "" : "s"}`;
}
