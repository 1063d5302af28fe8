/** Changes kt's blocks of the machine's hosts file, and no other byte of it. */

import { readFileSync } from "node:fs";
import { KtError, toKtError } from "#base/errors.ts";
import { withFileLock } from "#native/file-lock.ts";
import { finishReplacing, type ReplacedFile, replaceFile } from "#native/replace-file.ts";
import { hostLimits } from "#host/limits.ts";

export interface HostsFile extends ReplacedFile {
  /** Held by every kt that changes it, while it does. */
  readonly lock: string;
}

export const machineHosts: HostsFile = { path: "/etc/hosts", journal: "/run/kt-hosts.journal", lock: "/run/kt-hosts.lock" };

/** A text with one character for each byte, and what it shall be. */
export type ChangeText = (text: string) => string;

/**
 * What a killed kt has left there half made is put right before. Throws KtError `file-unwritable`, and leaves the file as it was: one that
 * cannot be read is never taken for an empty one.
 */
export function changeHosts(file: HostsFile, change: ChangeText): void {
  try {
    withFileLock(file.lock, () => tryChange(file, change));
  } catch (error) {
    throw toKtError(error, "file-unwritable", `change "${file.path}"`);
  }
}

function tryChange(file: HostsFile, change: ChangeText): void {
  finishReplacing(file);
  for (let attempt = 0; attempt < hostLimits.hostsAttempts; attempt++) {
    const before = readFileSync(file.path);
    const after = Buffer.from(change(before.toString("latin1")), "latin1");
    if (after.equals(before) || replaceFile(file, before, after)) return;
  }
  throw new KtError("file-unwritable", `"${file.path}" is being changed by another program all the time`);
}
