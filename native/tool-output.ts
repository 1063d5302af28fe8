/** What a tool of the system says, for looks that may not take long. */

import { spawnSync } from "bun";

const longestMs = 5_000;

/** In plain English; empty where it is not there, fails, or takes longer. */
export function toolOutput(argv: readonly string[]): string {
  try {
    const env = { ...process.env, LC_ALL: "C", NO_COLOR: "1" };
    const { success, stdout } = spawnSync([...argv], { env, stdin: "ignore", stderr: "ignore", timeout: longestMs });
    return success ? stdout.toString() : "";
  } catch {
    return "";
  }
}
