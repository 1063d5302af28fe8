/** `kt doctor`: looks at everything between a profile and its pods, and says what is wrong and what to do about it. */

import type { CommandContext } from "#cli/command.ts";
import { exitCodes } from "#cli/exit.ts";
import { showFindings } from "#cli/screen/findings.ts";
import { absolutePath, namedFile, shellEnvironment } from "#cli/profile/profile-file.ts";
import { surroundings } from "#control/socket-path.ts";
import { writeBundle } from "#doctor/bundle.ts";
import { examine } from "#doctor/doctor.ts";

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
