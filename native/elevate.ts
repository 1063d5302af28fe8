/** Runs a command as root, by the tool for it that this machine has, with an environment that nothing of the user's is in. */

import { spawn, which } from "bun";
import { KtError } from "#base/errors.ts";

const tools = ["sudo", "doas", "pkexec"] as const;
const path = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/** What stands before a command so that it runs as root; nothing where this process does. Throws KtError where there is no way. */
export function rootPrefix(): string[] {
  const clean = ["/usr/bin/env", "-i", `PATH=${path}`];
  if (process.geteuid?.() === 0) return clean;
  const tool = tools.find((name) => which(name) !== null);
  if (tool === undefined)
    throw new KtError("service-unavailable", `it takes root, and there is none of ${tools.join(", ")}`, {
      hints: ["run it as root, with --user"],
    });
  return [tool, ...clean];
}

/** Resolves to its exit code. The terminal is its own, to ask for a password. */
export async function runAsRoot(command: readonly string[]): Promise<number> {
  return await spawn([...rootPrefix(), ...command], { stdio: ["inherit", "inherit", "inherit"] }).exited;
}
