/** `kt down`: detaches the profile for everyone who attached it. */

import { KtError } from "#base/errors.ts";
import { command } from "#base/shell.ts";
import type { CommandContext } from "#cli/command.ts";
import { exitCodes } from "#cli/exit.ts";
import { profileNamed } from "#cli/hub/named-profile.ts";
import { profileFile } from "#cli/profile/profile-file.ts";
import { surroundings } from "#control/socket-path.ts";
import { findHub, findSnapshot, forgetKilled } from "#daemon/process/find-hub.ts";

export async function down({ args, options, output }: CommandContext): Promise<number> {
  const [name] = args;
  const isAll = options.flag("all");
  if (name !== undefined && (isAll || options.text("file") !== undefined))
    throw new KtError("usage", `"${name}" says already which profile to detach`, { hints: [command`kt down ${name}`] });
  const profile = isAll ? undefined : name === undefined ? await profileFile(options) : await fileOfNamed(name);
  const detached = await detach(profile);
  for (const file of detached) output.note(`detached ${file}`);
  if (detached.length === 0) output.note(profile === undefined ? "no profile is attached" : `${profile} is not attached`);
  return exitCodes.done;
}

async function fileOfNamed(name: string): Promise<string> {
  const snapshot = await findSnapshot(surroundings());
  return profileNamed(snapshot?.profiles ?? [], name).profile;
}

async function detach(profile: string | undefined): Promise<readonly string[]> {
  try {
    const client = await findHub(surroundings(), "any");
    const { profiles } = await client.ask({ type: "detach", profile }, "detached");
    client.close();
    return profiles;
  } catch (error) {
    if (error instanceof KtError && error.code === "hub-unreachable") return await forgetKilled(surroundings(), profile);
    throw error;
  }
}
