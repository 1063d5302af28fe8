/** What a file of the kernel, or of its settings, says. */

import { readFileSync } from "node:fs";

/** Empty where there is no such file, as on other systems, or it may not be read. */
export function kernelText(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return "";
  }
}
