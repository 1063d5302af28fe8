/** `kt shell`: a shell in which the profile's names resolve and its variables are set. */

import type { CommandContext } from "#cli/command.ts";
import { runWithNames } from "./run.ts";

/** Waits for no route: what is not ready yet may be by the time that it is asked for. */
export async function shell(context: CommandContext): Promise<number> {
  return await runWithNames(context, [process.env["SHELL"] || "/bin/sh"], false);
}
