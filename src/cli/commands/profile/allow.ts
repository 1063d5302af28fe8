/** `kt allow` and `kt deny`: give consent to what a folder's profile does beyond mapping names, and take it back. */

import { file as openFile } from "bun";
import { maskSecrets } from "#base/mask.ts";
import type { CommandContext } from "#cli/command.ts";
import { askToAllow, remember, showFacts } from "#cli/profile/allowing.ts";
import { exitCodes } from "#cli/exit.ts";
import { loadOptions } from "#cli/profile/local-plan.ts";
import type { Output } from "#cli/screen/output.ts";
import { absolutePath, profileFile, shellEnvironment } from "#cli/profile/profile-file.ts";
import { canAsk } from "#cli/screen/prompts.ts";
import { surroundings } from "#control/socket-path.ts";
import { type ExaminedPlan, examinePlan, recordsOf } from "#daemon/plans/consent.ts";
import { canonicalPath } from "#profile/consent/consent-input.ts";
import { profileFileName } from "#profile/read/find.ts";

export async function allow(context: CommandContext): Promise<number> {
  const { options, output } = context;
  if (options.flag("list")) return await list(options.flag("json"), output);
  const examined = await examinePlan(loadOptions(await meantFile(context)));
  const { facts, isAllowed, plan } = examined;
  if (facts.length === 0) output.note(`${plan.profile} needs no consent: it only maps names and ports`);
  else if (isAllowed) output.note(`${plan.profile} is allowed already`);
  else if (!(await give(examined, output))) return exitCodes.failed;
  if (options.flag("json")) output.json({ profile: plan.profile, allowed: facts.map(({ what, why }) => ({ what, why })) });
  return exitCodes.done;
}

/** Without a terminal to ask in, the command itself is the answer. */
async function give(examined: ExaminedPlan, output: Output): Promise<boolean> {
  if (canAsk()) return await askToAllow(examined, output);
  await remember(examined);
  // Perhaps only a log reads it.
  if (!output.quiet) showFacts(examined, output, maskSecrets);
  output.note("allowed, until any of it changes");
  return true;
}

export async function deny(context: CommandContext): Promise<number> {
  const file = await meantFile(context);
  const was = await records().forget(await canonicalPath(file));
  context.output.note(was ? `${file} is not allowed any more` : `${file} was not allowed`);
  return exitCodes.done;
}

/** A folder stands for the profile in it. */
async function meantFile({ args, options }: CommandContext): Promise<string> {
  const [given] = args;
  if (given === undefined) return await profileFile(options);
  const path = absolutePath(given);
  const isFolder = await openFile(path)
    .stat()
    .then(
      (found) => found.isDirectory(),
      () => false,
    );
  return isFolder ? `${path === "/" ? "" : path.replace(/\/$/, "")}/${profileFileName}` : path;
}

const records = () => recordsOf({ environment: shellEnvironment(), home: surroundings().home });

async function list(asJson: boolean, output: Output): Promise<number> {
  const known = await records().list();
  if (asJson) output.json(known.map(({ profile, allowed }) => ({ profile, allowed })));
  else {
    for (const { profile, allowed } of known) {
      output.line(profile);
      for (const what of allowed) output.line(`- ${what}`);
    }
    if (known.length === 0) output.note("nothing is allowed, and nothing may have needed it");
  }
  return exitCodes.done;
}
