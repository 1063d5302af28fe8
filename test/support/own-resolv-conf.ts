/** Programs with an /etc/resolv.conf of their own, in a mount namespace: a test decides whom they ask, and the machine's file stays. */

import { writeFileSync } from "node:fs";

/** What comes before a command line to give it this file. It needs root. What is written to the file later is seen there, too. */
export function withResolvConf(path: string): string[] {
  return ["unshare", "--mount", "--propagation", "private", "sh", "-c", 'mount --bind "$0" /etc/resolv.conf && exec "$@"', path];
}

export function writeResolvConf(path: string, servers: readonly string[], more = ""): void {
  writeFileSync(path, `${servers.map((server) => `nameserver ${server}\n`).join("")}${more}`);
}
