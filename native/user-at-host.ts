/** Who runs this process, as others would call them. */

import { hostname, userInfo } from "node:os";

/** `ann@laptop`. */
export function userAtHost(): string {
  return `${userName()}@${hostname()}`;
}

/** In containers, users often have a number and no name. */
function userName(): string {
  const number = `uid-${process.getuid?.() ?? 0}`;
  try {
    const { username } = userInfo();
    // What Bun says where neither the environment nor the system has a name.
    return username === "" || username === "unknown" ? number : username;
  } catch {
    return number;
  }
}
