/** Who runs this process, as others would call them. */

import { hostname, userInfo } from "node:os";

/** `ann@laptop`. */
export function userAtHost(): string {
  return `${userName()}@${hostname()}`;
}

function userName(): string {
  try {
    return userInfo().username;
  } catch {
    // In containers, users often have a number and no name.
    return `uid-${process.getuid?.() ?? 0}`;
  }
}
