/** `kt down`: detaches the profile for everyone who attached it. */

import { KtError } from "#base/errors.ts";
import type { CommandContext } from "#cli/command.ts";
import { exitCodes } from "#cli/exit.ts";
import { profileFile } from "#cli/profile-file.ts";
import { surroundings } from "#control/socket-path.ts";
import { findHub } from "#daemon/find-hub.ts";

export async function down({ options, output }: CommandContext): Promise<number> {
  const profile = options.flag("all") ? undefined : await profileFile(options);
  const detached = await detach(profile);
  for (const file of detached) output.note(`detached ${file}`);
  if (detached.length === 0) output.note(profile === undefined ? "no profile is attached" : `${profile} is not attached`);
  return exitCodes.done;
}

async function detach(profile: string | undefined): Promise<readonly string[]> {
  try {
    const client = await findHub(surroundings(), "any");
    const { profiles } = await client.ask({ type: "detach", profile }, "detached");
    client.close();
    return profiles;
  } catch (error) {
    if (error instanceof KtError && error.code === "hub-unreachable") return [];
    throw error;
  }
}
