/** Starts the hub as a process of its own, from the same executable, that outlives this one. */

import { type Subprocess, spawn } from "bun";
import { stateDirectory, type Surroundings } from "#control/socket-path.ts";
import { openLogFile } from "./log-file.ts";
import { engineSettings, ownCommand } from "./own-process.ts";

/** The hidden command that is the hub. */
export const hubCommand = "hub";

/**
 * All that the hub's own process may know. Credentials come with each profile from the shell that attached it, and what
 * redirects the runtime (NODE_EXTRA_CA_CERTS, HTTPS_PROXY, …) must not leak into other people's profiles.
 */
const inherited = ["HOME", "USER", "LOGNAME", "PATH", "LANG", "LC_ALL", "TZ", "TMPDIR", "XDG_RUNTIME_DIR", "XDG_STATE_HOME"];

export async function spawnHub(at: Surroundings): Promise<Subprocess> {
  // A home that cannot be written to costs the log, not the hub.
  const log = await openLogFile(stateDirectory(at)).catch(() => undefined);
  try {
    const child = spawn([...ownCommand(), hubCommand], {
      // A directory that is never unmounted.
      cwd: "/",
      env: {
        ...Object.fromEntries(inherited.flatMap((name) => (at.environment[name] === undefined ? [] : [[name, at.environment[name]]]))),
        ...engineSettings,
      },
      stdio: ["ignore", log?.fd ?? "ignore", log?.fd ?? "ignore"],
      // A session of its own: no Ctrl-C and no hang-up from the terminal.
      detached: true,
    });
    child.unref();
    return child;
  } finally {
    await log?.close();
  }
}
