/** Writes a file that is the old one or the new one at any time, also when its writer is killed. */

import { rename, rm } from "node:fs/promises";

/** `write` makes the file at `fresh`, from where it is renamed into its place. Where either fails, the file is as it was. */
export async function writeInOneStep(
  path: string,
  write: (fresh: string) => Promise<void>,
  fresh = `${path}.${process.pid}.new`,
): Promise<void> {
  try {
    await write(fresh);
    await rename(fresh, path);
  } catch (error) {
    await rm(fresh, { force: true });
    throw error;
  }
}
