/** The hidden command that systemd starts as root for each connection of a user's hub. */

import { stdin, stdout } from "bun";
import type { CommandContext } from "#cli/command.ts";
import { exitCodes } from "#cli/exit.ts";
import { KtError } from "#base/errors.ts";
import { machineHosts } from "#host/names/change-hosts.ts";
import { helpWithNames, setNames } from "#host/names/names-helper.ts";

/** Of each hub that is connected there is one of these; `left` is called after one has ended, by a kill too. */
export async function namesHelper({ args: [user = "", what] }: CommandContext): Promise<number> {
  if (!/^\d{1,9}$/.test(user)) throw new KtError("usage", `"${user}" is not the number of a user`);
  const owner = { uid: Number(user), pid: process.pid };
  if (what === "left") {
    setNames(machineHosts, owner, []);
    return exitCodes.done;
  }
  process.once("SIGTERM", () => {
    setNames(machineHosts, owner, []);
    process.exit(exitCodes.done);
  });
  await helpWithNames(stdin.stream(), async (line) => void (await stdout.write(line)), { file: machineHosts, owner });
  return exitCodes.done;
}
