/** Where the hub's socket and its log are, from the environment alone. */

import { join } from "node:path";
import { tmpdir } from "node:os";
import { KtError } from "#base/errors.ts";

export interface Surroundings {
  readonly platform: string;
  readonly uid: number;
  readonly home: string;
  readonly environment: Readonly<Record<string, string | undefined>>;
}

/** Longest path that fits a socket address everywhere: macOS gives 104 bytes with the final zero, Linux 108. */
const maxSocketPathBytes = 103;

/** This process's own. */
export function surroundings(): Surroundings {
  const { HOME: home = "/" } = process.env;
  return { platform: process.platform, uid: process.getuid?.() ?? 0, home, environment: process.env };
}

/**
 * Directories for the socket, best first; the first that exists and is the user's own is taken. The last is a directory of
 * kt's in a place that others may write to as well, so it must be checked for its owner.
 */
export function runtimeParents(at: Surroundings): readonly string[] {
  const { XDG_RUNTIME_DIR: runtime, TMPDIR: temporary } = at.environment;
  if (at.platform === "darwin") return [temporary ?? tmpdir()];
  if (runtime?.startsWith("/")) return [runtime];
  return [`/run/user/${at.uid}`, temporary ?? "/tmp"];
}

/** kt's own directory in one of them: named after the user where others have theirs beside it. */
export function runtimeDirectory(parent: string, at: Surroundings): string {
  const shared = at.platform !== "darwin" && parent === (at.environment["TMPDIR"] ?? "/tmp");
  return join(parent, shared ? `kt-${at.uid}` : "kt");
}

/** Throws KtError `hub-failed` for a path that the system could not bind. */
export function socketPath(directory: string): string {
  const path = join(directory, "hub.sock");
  if (Buffer.byteLength(path) > maxSocketPathBytes) {
    throw new KtError("hub-failed", `the socket path "${path}" is longer than the ${maxSocketPathBytes} bytes that systems allow`, {
      hints: ["export XDG_RUNTIME_DIR=/run/user/$(id -u)", "export TMPDIR=/tmp"],
    });
  }
  return path;
}

/** Where the hub's log goes. */
export function stateDirectory(at: Surroundings): string {
  const { XDG_STATE_HOME: state } = at.environment;
  if (state?.startsWith("/")) return join(state, "kt");
  return at.platform === "darwin" ? join(at.home, "Library", "Logs", "kt") : join(at.home, ".local", "state", "kt");
}

/** For what is kept until the user removes it. */
export function dataDirectory(at: Surroundings): string {
  const { XDG_DATA_HOME: data } = at.environment;
  if (data?.startsWith("/")) return join(data, "kt");
  return at.platform === "darwin" ? join(at.home, "Library", "Application Support", "kt") : join(at.home, ".local", "share", "kt");
}
