/** `kt serve` as a service of the user: which program, which profile, in which environment, by which service manager. */

import { realpath, stat } from "node:fs/promises";
import { file as openFile, which, write } from "bun";
import { KtError, toKtError, withHints } from "#base/errors.ts";
import { stateDirectory, type Surroundings } from "#control/socket-path.ts";
import { launchd } from "#native/launchd.ts";
import { installService, readServiceFile, type ServiceChange, type ServiceManager, uninstallService } from "#native/service-manager.ts";
import { systemd } from "#native/systemd.ts";
import { profileTemplate } from "#profile/edit/template.ts";
import { loadAllowed } from "#daemon/plans/consent.ts";
import type { Build } from "#daemon/process/find-hub.ts";
import { engineSettings, ownCommand } from "#daemon/process/own-process.ts";
import { serviceEnvironment } from "./service-environment.ts";

export interface InstallQuestion {
  readonly at: Surroundings;
  /** Absolute; undefined: the user's own, written where there is none. */
  readonly profile: string | undefined;
  readonly directory: string;
  readonly build: Build;
}

export interface Installed {
  readonly manager: string;
  readonly file: string;
  readonly profile: string;
  readonly wroteProfile: boolean;
  readonly change: ServiceChange;
  readonly warnings: readonly string[];
  readonly advice: readonly string[];
}

export interface UserServiceState {
  readonly manager: string;
  readonly file: string;
  readonly installed: boolean;
  /** The manager's own word for it. */
  readonly state: string;
  /** The profile that it runs, or would. */
  readonly profile: string;
}

/** Throws KtError: the profile's own problems, `service-unavailable`, `service-failed`, `file-unwritable`. */
export async function installUserService({ at, profile: given, directory, build }: InstallQuestion): Promise<Installed> {
  const manager = managerFor(at);
  const profile = given ?? usualProfile(at);
  await manager.check();
  const wroteProfile = given === undefined && (await writeWhereAbsent(profile));
  const folders = await foldersOf(at.environment["PATH"] ?? "");
  const { variables, leftOut } = serviceEnvironment({ environment: at.environment, home: at.home, directory, folders });
  await checkProfile(profile, variables, at);
  const command = [...(await stableCommand(at)), "serve", "--file", profile];
  const environment = { ...variables, ...engineSettings };
  const version = `${build.version} (${build.commit})`;
  const change = await installService(manager, { command, environment, version, logFile: `${stateDirectory(at)}/service.log` });
  const warnings = [...leftOut.map(warnOfLogin), ...warnOfPlace(command[0] ?? "", at)];
  return { manager: manager.name, file: manager.file, profile, wroteProfile, change, warnings, advice: await manager.advice() };
}

/** False where there was none. The profile stays. */
export async function uninstallUserService(at: Surroundings): Promise<{ readonly removed: boolean; readonly file: string }> {
  const manager = managerFor(at);
  return { removed: await uninstallService(manager), file: manager.file };
}

export async function userServiceState(at: Surroundings): Promise<UserServiceState> {
  const manager = managerFor(at);
  const text = await readServiceFile(manager);
  const state = text === undefined ? "not installed" : await manager.state();
  const profile = (text === undefined ? undefined : manager.commandIn(text).at(-1)) ?? usualProfile(at);
  return { manager: manager.name, file: manager.file, installed: text !== undefined, state, profile };
}

function managerFor({ platform, home, uid, environment }: Surroundings): ServiceManager {
  if (platform === "darwin") return launchd({ home, uid, environment });
  if (platform === "linux") return systemd({ configDirectory: configDirectory({ home, environment }), environment });
  throw new KtError("service-unavailable", `kt knows no service manager of ${platform}`, { hints: ["kt serve -f FILE"] });
}

/** A relative one does not count (XDG Base Directory Specification). */
function configDirectory({ home, environment }: Pick<Surroundings, "home" | "environment">): string {
  const { XDG_CONFIG_HOME: given } = environment;
  return given?.startsWith("/") ? given : `${home}/.config`;
}

const usualProfile = (at: Surroundings): string => `${configDirectory(at)}/kt/tunnels.toml`;

async function writeWhereAbsent(profile: string): Promise<boolean> {
  if (await openFile(profile).exists()) return false;
  try {
    await write(profile, profileTemplate({}));
    return true;
  } catch (error) {
    throw toKtError(error, "file-unwritable", `write "${profile}"`);
  }
}

/** With what the service will know: a variable of this shell alone would be missed at the next login. */
async function checkProfile(profile: string, variables: Readonly<Record<string, string>>, at: Surroundings): Promise<void> {
  try {
    await loadAllowed({ file: profile, environment: { ...variables, HOME: at.home }, home: at.home });
  } catch (error) {
    if (!(error instanceof KtError) || error.code !== "profile-variable") throw error;
    const known = ["HOME", ...Object.keys(variables)].join(", ");
    throw withHints(error, ["write ${NAME:-default} in the profile", `a service only knows ${known}`]);
  }
}

/** Those of a PATH that exist. */
async function foldersOf(path: string): Promise<ReadonlySet<string>> {
  const isFolder = async (folder: string): Promise<boolean> =>
    await stat(folder).then(
      (info) => info.isDirectory(),
      () => false,
    );
  const found = await Promise.all(path.split(":").map(async (folder) => ((await isFolder(folder)) ? [folder] : [])));
  return new Set(found.flat());
}

/** The path by which the shell finds this program: a package manager's link outlives the version that it leads to. */
async function stableCommand({ environment }: Surroundings): Promise<readonly string[]> {
  const [program = "", ...args] = ownCommand();
  const found = which(program.slice(program.lastIndexOf("/") + 1), { PATH: environment["PATH"] ?? "" });
  const isSame = found?.startsWith("/") === true && (await realpath(found)) === (await realpath(program));
  return [isSame ? found : program, ...args];
}

function warnOfLogin(name: string): string {
  return `${name} holds a login and is left out: a service file is not a place for passwords`;
}

function warnOfPlace(program: string, { environment }: Surroundings): readonly string[] {
  const places = [environment["TMPDIR"] ?? "/tmp", "/tmp", "/var/tmp", "/var/folders", "/private/tmp"];
  const place = places.find((each) => program.startsWith(`${each.replace(/\/$/, "")}/`));
  return place === undefined
    ? []
    : [`"${program}" is in a folder for temporary files: install kt elsewhere and run kt service install again`];
}
