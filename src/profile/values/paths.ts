/** Paths as people write them in a profile. */

import { isAbsolute, join, resolve } from "node:path";

/** `~` and relative paths made absolute. */
export function expandPath(path: string, directory: string, home: string): string {
  if (path === "~" || path.startsWith("~/")) return join(home, path.slice(1));
  return isAbsolute(path) ? resolve(path) : resolve(directory, path);
}
