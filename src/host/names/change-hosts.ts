/** Changes an owner's block of the machine's hosts file, and no other byte of it. */

import { readFileSync } from "node:fs";
import { KtError, toKtError } from "#base/errors.ts";
import { withFileLock } from "#native/file-lock.ts";
import { replaceFile } from "#native/replace-file.ts";
import { withBlock } from "#wire/hosts-block.ts";
import type { HostsEntry } from "#wire/hosts-file.ts";
import { hostLimits } from "#host/limits.ts";

export interface HostsFile {
  readonly path: string;
  /** Held by every kt that changes it, while it does. */
  readonly lock: string;
}

export const machineHosts: HostsFile = { path: "/etc/hosts", lock: "/run/kt-hosts.lock" };

/** Throws KtError `file-unwritable`, and leaves the file as it was: one that cannot be read is never taken for an empty one. */
export function changeHosts(file: HostsFile, owner: string, entries: readonly HostsEntry[]): void {
  try {
    withFileLock(file.lock, () => change(file.path, owner, entries));
  } catch (error) {
    throw toKtError(error, "file-unwritable", `change "${file.path}"`);
  }
}

function change(path: string, owner: string, entries: readonly HostsEntry[]): void {
  for (let attempt = 0; attempt < hostLimits.hostsAttempts; attempt++) {
    const before = readFileSync(path);
    const after = Buffer.from(withBlock(before.toString("latin1"), owner, entries), "latin1");
    if (after.equals(before) || replaceFile(path, before, after)) return;
  }
  throw new KtError("file-unwritable", `"${path}" is being changed by another program all the time`);
}
