/** A private temporary directory for one test, removed afterwards. */

import { mkdtemp, realpath, rm } from "node:fs/promises";
import { tmpdir } from "node:os";

/** In the usual place, or in the one given. Resolves symbolic links, as macOS has one in its temporary path. */
export async function tempDir(parent: string = tmpdir()): Promise<{ path: string; [Symbol.asyncDispose](): Promise<void> }> {
  const path = await realpath(await mkdtemp(`${parent}/kt-test-`));
  return { path, [Symbol.asyncDispose]: () => rm(path, { recursive: true, force: true }) };
}
