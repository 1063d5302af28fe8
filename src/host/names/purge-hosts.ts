/** Takes blocks out of the hosts file whose owners do not: all of a user's, or those of processes that have ended. */

import { processArguments } from "#native/process-arguments.ts";
import { type BlockOwner, withoutBlocks } from "#wire/hosts-block.ts";
import { changeHosts, type HostsFile } from "./change-hosts.ts";

/** Of one user alone: another's hub may be running. */
export function purgeHosts(file: HostsFile, uid: number): void {
  changeHosts(file, (text) => withoutBlocks(text, (owner) => owner.uid === uid));
}

/** Without the blocks of this user that a killed process has left. */
export function withoutLeft(text: string, uid: number): string {
  return withoutBlocks(text, (owner) => owner.uid === uid && !isKept(owner));
}

/** The number of a process that has ended may be another program's by now. */
function isKept({ uid, pid }: BlockOwner): boolean {
  const words = processArguments(pid);
  return words.includes("names-helper") && words.includes(String(uid));
}
