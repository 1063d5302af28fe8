/** `kt rm`: takes routes out of the profile. */

import type { CommandContext } from "#cli/command.ts";
import { exitCodes } from "#cli/exit.ts";
import { loadOptions } from "#cli/profile/local-plan.ts";
import { profileFile } from "#cli/profile/profile-file.ts";
import { removeFromProfile } from "#profile/edit/file.ts";

export async function rm({ args, options, output }: CommandContext): Promise<number> {
  const file = await profileFile(options);
  for (const { name, remains } of await removeFromProfile(loadOptions(file), args)) {
    output.note(`removed "${name}" from ${file}`);
    if (remains !== undefined) output.warning(`"${name}" is routed by ${remains} now`);
  }
  return exitCodes.done;
}
