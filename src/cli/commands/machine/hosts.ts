/** `kt hosts`: what the machine's hosts file holds of kt's, and the way to take it out. */

import { KtError } from "#base/errors.ts";
import { askedUser } from "#cli/asked/asked-user.ts";
import type { CommandContext } from "#cli/command.ts";
import { exitCodes } from "#cli/exit.ts";
import { bold, line } from "#base/text.ts";
import { ownCommand } from "#daemon/process/own-process.ts";
import { machineHosts } from "#host/names/change-hosts.ts";
import { purgeHosts } from "#host/names/purge-hosts.ts";
import { readBlocks } from "#host/names/read-blocks.ts";
import { runAsRoot } from "#native/elevate.ts";

export async function hosts({ args: [action], options, output }: CommandContext): Promise<number> {
  if (action === "purge") return await purge(askedUser(options.text("user"), "kt hosts purge --user 1000"));
  if (action !== undefined) throw new KtError("usage", `kt hosts does not know "${action}"`, { hints: ["kt hosts purge"] });
  const users = [...Map.groupBy(readBlocks(), ({ owner }) => owner.uid)].map(([uid, blocks]) => ({
    uid,
    lines: blocks.flatMap(({ lines }) => lines),
  }));
  if (options.flag("json")) output.json(users);
  else if (users.length === 0) output.note(`${machineHosts.path} holds nothing of kt's`);
  else output.lines(users.flatMap(({ uid, lines }) => [line(bold(`uid ${uid}`)), ...lines.map((each) => line(`  ${each}`))]));
  return exitCodes.done;
}

async function purge(uid: number): Promise<number> {
  if (!readBlocks().some(({ owner }) => owner.uid === uid)) return exitCodes.done;
  if (process.geteuid?.() !== 0) return await runAsRoot([...ownCommand(), "hosts", "purge", "--user", String(uid)]);
  purgeHosts(machineHosts, uid);
  return exitCodes.done;
}
