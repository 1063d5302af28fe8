/** Finds or makes the private directory that holds the hub's socket, and refuses one that is another user's. */

import { chmod, lstat, mkdir } from "node:fs/promises";
import { KtError, messageOf } from "#base/errors.ts";
import { command } from "#base/shell.ts";
import { runtimeDirectory, runtimeParents, type Surroundings } from "#control/socket-path.ts";

const privateMode = 0o700;

/** The directory, mode 0700 and the user's own. Throws KtError `hub-failed`. */
export async function ensureRuntimeDirectory(at: Surroundings): Promise<string> {
  const directory = runtimeDirectory(await pickParent(at), at);
  await makeOwnDirectory(directory, at.uid);
  return directory;
}

/** Makes it where it is missing. Throws KtError `hub-failed` for one that is not the user's own. */
export async function makeOwnDirectory(directory: string, uid: number): Promise<void> {
  // What stands there is judged before anything is made: through a link the directory would be made elsewhere.
  if (!(await isThere(directory))) await make(directory);
  await checkOwn(directory, uid);
}

async function isThere(path: string): Promise<boolean> {
  return await lstat(path).then(
    () => true,
    () => false,
  );
}

async function make(directory: string): Promise<void> {
  try {
    await mkdir(directory, { mode: privateMode, recursive: true });
  } catch (error) {
    throw new KtError("hub-failed", `make the directory "${directory}": ${messageOf(error)}`, { cause: error });
  }
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

/** In a directory that others may write to, another user could have made ours first, or put a link there. */
async function checkOwn(directory: string, uid: number): Promise<void> {
  const info = await lstat(directory);
  const wrong = whatIsWrong(info, uid);
  if (wrong !== undefined) {
    throw new KtError("hub-failed", `"${directory}" ${wrong}, so the hub's socket is not put there`, {
      hints: [command`see what it is, and remove it: ls -ld ${directory}`, 'or use another place: export XDG_RUNTIME_DIR="$HOME/.cache"'],
    });
  }
  if ((info.mode & 0o077) !== 0) await chmod(directory, privateMode);
}

interface Entry {
  readonly uid: number;
  isSymbolicLink(): boolean;
  isDirectory(): boolean;
}

function whatIsWrong(info: Entry, uid: number): string | undefined {
  if (info.isSymbolicLink()) return "is a link, which may lead anywhere";
  if (!info.isDirectory()) return "is not a directory";
  return info.uid === uid ? undefined : `belongs to another user (uid ${info.uid})`;
}
