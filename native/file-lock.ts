/** A lock between processes, which the kernel releases when its holder dies. */

import { closeSync, openSync } from "node:fs";
import { KtError } from "#base/errors.ts";
import { cLibrary } from "./c-library.ts";

const exclusive = 2;

/** Waits until no other process has the lock of this file, which is made where it is missing, and does the work meanwhile. */
export function withFileLock<T>(path: string, work: () => T): T {
  const file = openSync(path, "a", 0o600);
  try {
    const { flock } = cLibrary({ flock: { args: ["i32", "i32"], returns: "i32" } });
    if (flock(file, exclusive) !== 0) throw new KtError("file-unwritable", `"${path}" cannot be locked`);
    return work();
  } finally {
    closeSync(file);
  }
}
