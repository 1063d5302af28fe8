/** The hidden command that systemd starts as root for each connection of a user's hub. */

import { stdin, stdout } from "bun";
import type { CommandContext } from "#cli/command.ts";
import { exitCodes } from "#cli/exit.ts";
import { KtError } from "#base/errors.ts";
import { changeHosts, machineHosts } from "#host/names/change-hosts.ts";
import { helpWithNames } from "#host/names/names-helper.ts";

export async function namesHelper({ args: [owner = ""] }: CommandContext): Promise<number> {
  if (!/^\d+$/.test(owner)) throw new KtError("usage", `"${owner}" is not the number of a user`);
  process.once("SIGTERM", () => {
    changeHosts(machineHosts, owner, []);
    process.exit(exitCodes.done);
  });
  await helpWithNames(stdin.stream(), async (line) => void (await stdout.write(line)), { file: machineHosts, owner });
  return exitCodes.done;
}
