/** Finds or makes the private directory that holds the hub's socket, and refuses one that is another user's. */

import { chmod, lstat, mkdir } from "node:fs/promises";
import { KtError, messageOf } from "#base/errors.ts";
import { runtimeDirectory, runtimeParents, type Surroundings } from "#control/socket-path.ts";

const privateMode = 0o700;

/** The directory, mode 0700 and the user's own. Throws KtError `hub-failed`. */
export async function ensureRuntimeDirectory(at: Surroundings): Promise<string> {
  const parent = await pickParent(at);
  const directory = runtimeDirectory(parent, at);
  try {
    await mkdir(directory, { mode: privateMode, recursive: true });
  } catch (error) {
    throw new KtError("hub-failed", `make the directory "${directory}": ${messageOf(error)}`, { cause: error });
  }
  await checkOwn(directory, at.uid);
  return directory;
}

async function pickParent(at: Surroundings): Promise<string> {
  const parents = runtimeParents(at);
  const last = parents.at(-1) ?? "/tmp";
  for (const parent of parents.slice(0, -1)) if (await isOwn(parent, at.uid)) return parent;
  return last;
}

async function isOwn(directory: string, uid: number): Promise<boolean> {
  const info = await lstat(directory).catch(() => undefined);
  return info?.isDirectory() === true && info.uid === uid;
}

/** In a directory that others may write to, somebody else could have made ours first, or put a link there. */
async function checkOwn(directory: string, uid: number): Promise<void> {
  const info = await lstat(directory);
  if (!info.isDirectory() || info.uid !== uid) {
    throw new KtError("hub-failed", `"${directory}" is not a directory of yours`, { hints: ["export XDG_RUNTIME_DIR=$HOME/.cache"] });
  }
  if ((info.mode & 0o077) !== 0) await chmod(directory, privateMode);
}
