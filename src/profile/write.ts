/** Puts an edited file into its place in one step, so that nobody ever reads half of it. */

import { chmod, open, realpath, rename, rm, stat, writeFile } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { KtError } from "#base/errors.ts";

function codeOf(thrown: unknown): string | undefined {
  return thrown instanceof Error && "code" in thrown ? String(thrown.code) : undefined;
}

/** Keeps the file's mode and follows symbolic links. Throws KtError `profile-unwritable`; the file is then as it was. */
export async function replaceFile(path: string, text: string): Promise<void> {
  try {
    await replace(path, text);
  } catch (thrown) {
    const reason = thrown instanceof Error ? thrown.message : String(thrown);
    throw new KtError("profile-unwritable", `cannot write "${path}": ${reason}`, { cause: thrown });
  }
}

async function replace(path: string, text: string): Promise<void> {
  const target = await realpath(path).catch(() => path);
  const mode = await stat(target).then(
    (found) => found.mode & 0o7777,
    () => undefined,
  );
  const temporary = join(dirname(target), `.${basename(target)}.${crypto.randomUUID()}`);
  try {
    await writeWhole(temporary, text, mode);
    await rename(temporary, target);
  } catch (thrown) {
    await rm(temporary, { force: true });
    // A file that is mounted into a container by itself cannot be renamed over.
    if (codeOf(thrown) !== "EBUSY") throw thrown;
    await writeFile(target, text);
  }
}

async function writeWhole(path: string, text: string, mode: number | undefined): Promise<void> {
  const handle = await open(path, "wx", mode);
  try {
    await handle.writeFile(text);
    await handle.sync();
  } finally {
    await handle.close();
  }
  // What the umask took away.
  if (mode !== undefined) await chmod(path, mode);
}
