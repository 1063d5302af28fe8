/** Lets `kt status` find the demos that run: each has a hub of its own, apart from the user's, in a temporary directory. */

import { readdir, readlink, symlink, unlink } from "node:fs/promises";
import { KtError } from "#base/errors.ts";
import { daemonLimits } from "./limits.ts";
import type { ProfileStatus } from "#control/api.ts";
import { HubClient } from "#control/client.ts";
import { socketPath, type Surroundings } from "#control/socket-path.ts";
import { ensureRuntimeDirectory } from "#daemon/process/runtime-dir.ts";

const linkName = /^demo-\d+$/;

/** A link in the user's own runtime directory, where no one else can put one. Resolves to what takes it away. */
export async function registerDemo(at: Surroundings, directory: string): Promise<() => Promise<void>> {
  const link = `${await ensureRuntimeDirectory(at)}/demo-${process.pid}`;
  await unlink(link).catch(() => {});
  await symlink(directory, link);
  return () => unlink(link).catch(() => {});
}

/** What the demos serve that run now. */
export async function demoProfiles(at: Surroundings): Promise<ProfileStatus[]> {
  const runtime = await ensureRuntimeDirectory(at);
  const names = (await readdir(runtime)).filter((name) => linkName.test(name));
  const found = await Promise.all(names.map((name) => profilesBehind(`${runtime}/${name}`)));
  return found.flat();
}

/** A demo that was killed left its link, which goes now. */
async function profilesBehind(link: string): Promise<readonly ProfileStatus[]> {
  try {
    const client = await HubClient.connect(socketPath(await readlink(link)), daemonLimits.holderAskMs);
    const snapshot = await client.snapshot();
    client.close();
    return snapshot.profiles;
  } catch (error) {
    if (error instanceof KtError && error.code === "hub-unreachable") await unlink(link).catch(() => {});
    return [];
  }
}
