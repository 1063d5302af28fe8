/** Walks up from a directory to the project's tunnels.toml. */

import { dirname, join, resolve } from "node:path";
import { file } from "bun";
import { KtError } from "#base/errors.ts";

export const profileFileName = "tunnels.toml";

/** The absolute path of the nearest tunnels.toml in `directory` or above it. Throws KtError `profile-not-found`. */
export async function findProfile(directory: string): Promise<string> {
  const start = resolve(directory);
  for (let current = start; ; current = dirname(current)) {
    const candidate = join(current, profileFileName);
    if (await file(candidate).exists()) return candidate;
    if (dirname(current) === current) break;
  }
  throw new KtError("profile-not-found", `there is no ${profileFileName} in "${start}" or above it`, {
    hints: ["kt init", "name another one with -f FILE"],
  });
}
