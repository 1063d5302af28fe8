/** `kt doctor`: looks at everything between a profile and its pods, and says what is wrong and what to do about it. */

import type { CommandContext } from "#cli/command.ts";
import { exitCodes } from "#cli/exit.ts";
import type { Output } from "#cli/output.ts";
import { absolutePath, shellEnvironment } from "#cli/profile-file.ts";
import { surroundings } from "#control/socket-path.ts";
import { writeBundle } from "#daemon/doctor/bundle.ts";
import { examine } from "#daemon/doctor/doctor.ts";
import type { Finding } from "#daemon/doctor/finding.ts";

export async function doctor({ options, output, build }: CommandContext): Promise<number> {
  const given = options.text("file");
  const bundle = options.text("bundle");
  const at = surroundings();
  const file = given === undefined ? undefined : absolutePath(given);
  const question = { file, directory: process.cwd(), environment: shellEnvironment(), home: at.home, at, build };
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
  const { style } = output;
  const marks = { ok: style.green("✓"), warn: style.yellow("!"), broken: style.red("✗"), skipped: style.dim("-") };
  const width = Math.max(...findings.map(({ check }) => check.length));
  const several = new Set(findings.flatMap(({ context }) => context ?? [])).size > 1;
  for (const { check, context, verdict, text, fixes } of findings) {
    if (output.quiet && verdict !== "broken") continue;
    const whole = `${several && context !== undefined ? `${context}: ` : ""}${verdict === "skipped" ? `skipped: ${text}` : text}`;
    // A plugin's own words may have several lines.
    const indented = whole.trimEnd().replaceAll("\n", `\n${" ".repeat(width + 4)}`);
    output.line(`${marks[verdict]} ${style.bold(check.padEnd(width))}  ${verdict === "skipped" ? style.dim(indented) : indented}`);
    for (const fix of fixes) output.line(`${" ".repeat(width + 4)}${style.cyan(fix)}`);
  }
  output.note(summary(findings));
}

function summary(findings: readonly Finding[]): string {
  const count = (wanted: Finding["verdict"]): number => findings.filter(({ verdict }) => verdict === wanted).length;
  const [broken, warnings] = [count("broken"), count("warn")];
  if (broken + warnings === 0) return "everything is fine";
  return `${broken} broken, ${warnings} warning${warnings === 1 ? "" : "s"}`;
}
