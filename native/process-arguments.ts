/** With which words a process was started, as far as the system tells. */

import { readFileSync } from "node:fs";

/** Empty where there is no such process, and on systems without /proc. */
export function processArguments(pid: number): readonly string[] {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, "utf8").split("\0").slice(0, -1);
  } catch {
    return [];
  }
}
