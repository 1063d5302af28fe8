/** Which profile a command is about, and the shell's environment that goes with it. */

import { fileURLToPath, file as openFile, pathToFileURL } from "bun";
import { engineSettings } from "#daemon/process/own-process.ts";
import { KtError } from "#base/errors.ts";
import type { Words } from "#base/shell.ts";
import { findProfile, profileFileName } from "#profile/read/find.ts";
import type { Options } from "#cli/command.ts";

/** The absolute path of `-f FILE`, else of the nearest tunnels.toml. Throws KtError `profile-not-found`. */
export async function profileFile(options: Options): Promise<string> {
  const given = options.text("file");
  return given === undefined ? await findProfile(process.cwd()) : await namedFile(given);
}

/** The absolute path of a file that the user named; of a folder, its tunnels.toml. */
export async function namedFile(given: string): Promise<string> {
  const path = absolutePath(given);
  return (await isFolder(path)) ? `${path.replace(/\/+$/, "")}/${profileFileName}` : path;
}

/** What a hint says to mean this profile: nothing where a command finds it by itself. */
export function fileWords(path: string): Words {
  const folder = path.slice(0, path.lastIndexOf("/") + 1);
  return path === `${folder}${profileFileName}` && `${process.cwd()}/`.startsWith(folder) ? [] : ["-f", path];
}

async function isFolder(path: string): Promise<boolean> {
  return await openFile(path)
    .stat()
    .then(
      (info) => info.isDirectory(),
      () => false,
    );
}

/** The same, or where a new profile would be: `tunnels.toml` here. */
export async function profileFileOrNew(options: Options): Promise<string> {
  try {
    return await profileFile(options);
  } catch (error) {
    if (!(error instanceof KtError) || error.code !== "profile-not-found") throw error;
    return absolutePath(profileFileName);
  }
}

export function absolutePath(path: string): string {
  return fileURLToPath(pathToFileURL(path));
}

/** This process's environment, as credential plugins are to see it: without what kt set for itself. */
export function shellEnvironment(): Record<string, string> {
  const isShells = (entry: [string, string | undefined]): entry is [string, string] =>
    entry[1] !== undefined && !(entry[0] in engineSettings);
  return Object.fromEntries(Object.entries(process.env).filter(isShells));
}
