/** `kt service`: kt serve as a service of the user, by systemd or launchd. */

import type { CommandContext } from "#cli/command.ts";

export async function service(_: CommandContext): Promise<number> {
  return 1;
}
