/** `kt service`: kt serve as a service of the user, by systemd or launchd. */

import { KtError } from "#base/errors.ts";
import { command } from "#base/shell.ts";
import { nearest } from "#base/nearest.ts";
import type { CommandContext } from "#cli/command.ts";
import { withConsent } from "#cli/profile/consent.ts";
import { exitCodes } from "#cli/exit.ts";
import { namedFile } from "#cli/profile/profile-file.ts";
import { dim, green, tableLines, yellow } from "#base/text.ts";
import type { Snapshot } from "#control/api.ts";
import { surroundings } from "#control/socket-path.ts";
import { findSnapshot } from "#daemon/process/find-hub.ts";
import { installUserService, uninstallUserService, userServiceState } from "#daemon/login-service/user-service.ts";

const actions = { install, uninstall, status } as const;

export async function service(context: CommandContext): Promise<number> {
  const [word = ""] = context.args;
  if (isAction(word)) return await actions[word](context);
  const close = nearest(word, Object.keys(actions));
  throw new KtError("usage", `kt service does not know "${word}"`, {
    hints: [close === undefined ? "kt service --help" : command`kt service ${close}`],
  });
}

function isAction(word: string): word is keyof typeof actions {
  return Object.hasOwn(actions, word);
}

async function install({ options, output, build }: CommandContext): Promise<number> {
  const at = surroundings();
  const given = options.text("file");
  const hub = await findSnapshot(at);
  const profile = given === undefined ? undefined : await namedFile(given);
  const question = { at, profile, directory: process.cwd(), build };
  const work = () => installUserService(question);
  const installed = profile === undefined ? await work() : await withConsent(profile, output, work);
  const { manager, file, change, wroteProfile, warnings, advice } = installed;
  const isBusy = change === "new" && hub !== undefined && hub.profiles.length > 0;
  if (options.flag("json")) {
    output.json(installed);
    return exitCodes.done;
  }
  if (wroteProfile) output.note(`wrote ${installed.profile}: add what you want to reach`);
  const done = { new: "installed", changed: "updated and restarted", same: "installed already, and running" }[change];
  output.note(`${done}: ${manager} runs kt serve with ${installed.profile}`);
  output.note(`by ${file}`);
  for (const warning of warnings) output.warning(warning);
  if (isBusy) output.warning("a hub of kt up is running: the service takes over once that has ended");
  output.advice([...(isBusy ? ["kt down --all"] : []), ...advice]);
  return exitCodes.done;
}

async function uninstall({ options, output }: CommandContext): Promise<number> {
  const { removed, file } = await uninstallUserService(surroundings());
  if (options.flag("json")) output.json({ removed, file });
  else output.note(removed ? `stopped, and removed ${file}; the profile stays` : `not installed: there is no ${file}`);
  return exitCodes.done;
}

async function status({ options, output }: CommandContext): Promise<number> {
  const at = surroundings();
  const [state, snapshot] = await Promise.all([userServiceState(at), findSnapshot(at)]);
  const hub = snapshot?.hub ?? null;
  if (options.flag("json")) {
    output.json({ ...state, hub });
    return exitCodes.done;
  }
  const paint = /^(active|running)$/.test(state.state) ? green : state.installed ? yellow : dim;
  output.lines(
    tableLines([
      ["service", [paint(state.state), " ", dim(`(${state.manager}, ${state.file})`)]],
      ["profile", state.profile],
      ["hub", describeHub(snapshot)],
    ]),
  );
  if (!state.installed) output.advice(["kt service install"]);
  return exitCodes.done;
}

function describeHub(snapshot: Snapshot | undefined): string {
  if (snapshot === undefined) return "not running";
  const { hub, profiles } = snapshot;
  return `kt ${hub.version}, pid ${hub.pid}, ${profiles.length} profile${profiles.length === 1 ? "" : "s"}`;
}
