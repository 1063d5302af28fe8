/** `kt status`: every attached profile and its routes, once. */

import type { CommandContext } from "#cli/command.ts";
import { exitCodes } from "#cli/exit.ts";
import { onlyNamed } from "#cli/hub/named-profile.ts";
import { profileLines } from "#cli/screen/route-lines.ts";
import { watchStatus } from "#cli/hub/status-watch.ts";
import { surroundings } from "#control/socket-path.ts";
import { demoProfiles } from "#daemon/demo-register.ts";
import { findSnapshot, leftByKilled } from "#daemon/process/find-hub.ts";

export async function status(context: CommandContext): Promise<number> {
  const { args, options, output } = context;
  if (options.flag("watch")) return await watchStatus(context);
  const [name] = args;
  const { hub, profiles: attached } = (await findSnapshot(surroundings())) ?? { hub: null, profiles: [] };
  const all = [...attached, ...(await demoProfiles(surroundings()))];
  const profiles = name === undefined ? all : onlyNamed(all, name);
  if (options.flag("json")) {
    output.json({ hub, profiles });
    return exitCodes.done;
  }
  if (hub?.problem) output.warning(hub.problem.message);
  if (profiles.length === 0) {
    output.line("no profile is attached");
    const left = hub === null ? await leftByKilled(surroundings()) : [];
    if (left.length > 0) output.warning(`the last hub was killed; the next kt up attaches again what it had: ${left.join(", ")}`);
    output.advice(["kt up"]);
  }
  for (const profile of profiles) {
    output.lines(profileLines(profile, output.columns));
    for (const warning of profile.warnings) output.warning(warning);
  }
  return exitCodes.done;
}
