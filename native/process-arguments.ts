/** With which words a process was started, as far as the system tells. */

import { kernelText } from "./kernel-text.ts";

/** Empty where there is no such process, and on systems without /proc. */
export function processArguments(pid: number): readonly string[] {
  return kernelText(`/proc/${pid}/cmdline`).split("\0").slice(0, -1);
}
