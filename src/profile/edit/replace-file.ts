/** Puts an edited file into its place in one step: it is never seen half-written, and of two edits at once neither is lost. */

import { access, constants, type FileHandle, mkdir, open, realpath, rename, rm, stat, writeFile } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { KtError, messageOf } from "#base/errors.ts";
import { profileLimits } from "#profile/limits.ts";
import { command } from "#base/shell.ts";
import { systemCode } from "#base/system-error.ts";

/**
 * Keeps the file's mode and follows symbolic links. `makeText` is asked when no other kt can write the file any more. Throws what
 * that throws, and KtError `profile-unwritable`; the file is then as it was.
 */
export async function replaceFile(path: string, makeText: () => Promise<string>): Promise<void> {
  try {
    await replace(path, makeText);
  } catch (thrown) {
    if (thrown instanceof KtError) throw thrown;
    // Without the path of the temporary file, which tells the user nothing.
    const reason = messageOf(thrown).replace(/, \w+ '.*$/s, "");
    throw new KtError("profile-unwritable", `cannot write "${path}": ${reason}`, { cause: thrown });
  }
}

async function replace(path: string, makeText: () => Promise<string>): Promise<void> {
  const target = await realpath(path).catch(() => path);
  const mode = await modeOf(target);
  // A rename would also replace a file that is not to be written.
  if (mode === undefined) await mkdir(dirname(target), { recursive: true });
  else await access(target, constants.W_OK);
  const temporary = join(dirname(target), `.${basename(target)}.new`);
  const handle = await openAlone(temporary, path, mode);
  try {
    const text = await makeText();
    await writeWhole(handle, text, mode);
    // A file that is mounted into a container by itself cannot be renamed over.
    await rename(temporary, target).catch(async (thrown: unknown) => {
      if (systemCode(thrown) !== "EBUSY") throw thrown;
      await writeFile(target, text);
      await rm(temporary);
    });
  } catch (thrown) {
    await rm(temporary, { force: true });
    throw thrown;
  } finally {
    await handle.close();
  }
}

async function modeOf(path: string): Promise<number | undefined> {
  return await stat(path).then(
    (found) => found.mode & 0o7777,
    () => undefined,
  );
}

const lookMs = 10;

/** The new file is the lock as well: only one kt can make it. */
async function openAlone(temporary: string, path: string, mode: number | undefined): Promise<FileHandle> {
  for (let leftMs = profileLimits.fileLockMs; ; leftMs -= lookMs) {
    try {
      return await open(temporary, "wx", mode);
    } catch (thrown) {
      if (systemCode(thrown) !== "EEXIST") throw thrown;
      if (leftMs <= 0) throw inUse(temporary, path);
    }
    await new Promise((resolve) => setTimeout(resolve, lookMs));
  }
}

function inUse(temporary: string, path: string): KtError {
  return new KtError("profile-unwritable", `another kt is changing "${path}", or was killed while it did`, {
    hints: [command`rm ${temporary}`],
  });
}

async function writeWhole(handle: FileHandle, text: string, mode: number | undefined): Promise<void> {
  await handle.writeFile(text);
  await handle.sync();
  // What the umask took away.
  if (mode !== undefined) await handle.chmod(mode);
}
