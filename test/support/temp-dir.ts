/** A private temporary directory for one test, removed afterwards. */

import { mkdtemp, realpath, rm } from "node:fs/promises";
import { tmpdir } from "node:os";

/** Resolves symbolic links, as macOS has one in its temporary path. */
export async function tempDir(): Promise<{ path: string; [Symbol.asyncDispose](): Promise<void> }> {
  const path = await realpath(await mkdtemp(`${tmpdir()}/kt-test-`));
  return { path, [Symbol.asyncDispose]: () => rm(path, { recursive: true, force: true }) };
}
