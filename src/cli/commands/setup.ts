/** `kt setup`: the few changes of the machine that need root, shown before they are made, and undone to the byte. */

import { existsSync } from "node:fs";
import { KtError } from "#base/errors.ts";
import type { CommandContext } from "#cli/command.ts";
import { exitCodes } from "#cli/exit.ts";
import { agree, canAsk, Declined } from "#cli/screen/prompts.ts";
import { surroundings } from "#control/socket-path.ts";
import { ownCommand } from "#daemon/process/own-process.ts";
import { setupNames } from "#host/setup/setup-names.ts";
import { carryOut, type Direction, describeSteps, isDone, type SetupStep } from "#host/setup/setup-step.ts";
import { runAsRoot } from "#native/elevate.ts";

const done: Readonly<Record<Direction, string>> = {
  do: "names of attached profiles resolve in every program of this machine; kt hosts shows them",
  undo: "nothing of it is left on this machine",
};

export async function setup(context: CommandContext): Promise<number> {
  const { options, output } = context;
  const [what = "names"] = context.args;
  if (what !== "names") throw new KtError("usage", `kt setup does not know "${what}"`, { hints: ["kt setup names"] });
  const direction: Direction = options.flag("undo") ? "undo" : "do";
  const uid = userOf(options.text("user"));
  const steps = setupNames(uid, program());
  if (isDone(steps, direction)) {
    output.note(direction === "do" ? "set up already" : "not set up");
    return exitCodes.done;
  }
  output.note(`as root, for uid ${uid}, this will`);
  for (const each of describeSteps(steps, direction)) output.note(`  ${each}`);
  if (options.flag("dryRun")) return exitCodes.done;
  await confirm(options.flag("yes"));
  const code = process.geteuid?.() === 0 ? await here(steps, direction) : await asRoot(what, uid, direction);
  if (code === exitCodes.done) output.note(done[direction]);
  return code;
}

/** Root sets up for the user who called it by sudo. */
function userOf(given: string | undefined): number {
  const { uid, environment } = surroundings();
  const text = given ?? (uid === 0 ? environment["SUDO_UID"] : undefined) ?? String(uid);
  if (!/^\d{1,9}$/.test(text))
    throw new KtError("usage", `"${text}" is not the number of a user`, { hints: ["kt setup names --user 1000"] });
  return Number(text);
}

function program(): string {
  const [path = "", ...more] = ownCommand();
  if (more.length > 0) throw new KtError("usage", "kt setup needs a built kt, of which it makes a copy", { hints: ["npx bun run build"] });
  if (process.platform !== "linux" || !existsSync("/run/systemd/system"))
    throw new KtError("service-unavailable", "kt setup names needs Linux with systemd", {
      hints: ["kt run -- COMMAND resolves the names in one command"],
    });
  return path;
}

async function confirm(yes: boolean): Promise<void> {
  if (yes) return;
  if (!canAsk()) throw new KtError("usage", "kt setup asks before it changes anything", { hints: ["kt setup names --yes"] });
  if (!(await agree("Do this?"))) throw new Declined();
}

async function here(steps: readonly SetupStep[], direction: Direction): Promise<number> {
  await carryOut(steps, direction);
  return exitCodes.done;
}

async function asRoot(what: string, uid: number, direction: Direction): Promise<number> {
  const undo = direction === "undo" ? ["--undo"] : [];
  return await runAsRoot([...ownCommand(), "setup", what, "--yes", "--quiet", "--user", String(uid), ...undo]);
}
