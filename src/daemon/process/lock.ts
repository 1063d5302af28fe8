/** One hub per user: a lock that the kernel releases when its holder dies, however it dies. */

import { SQL } from "bun";
import { rm } from "node:fs/promises";
import { systemCode } from "#base/system-error.ts";

/**
 * The lock is an exclusive transaction on an empty SQLite file, that is a POSIX file lock, which Bun offers in no other way.
 * A socket path alone cannot be the lock: one that a killed hub left behind looks taken, and two new hubs that both find it
 * dead could each remove the other's. Only the holder of this lock removes or binds the path.
 */
export interface HubLock {
  release(): Promise<void>;
}

export const lockPath = (directory: string): string => `${directory}/hub.lock`;

/** Takes the lock of this directory, or returns undefined while another process has it. */
export async function takeLock(directory: string): Promise<HubLock | undefined> {
  const sql = new SQL({ adapter: "sqlite", filename: lockPath(directory) });
  try {
    await sql.unsafe("PRAGMA busy_timeout = 0");
    await sql.unsafe("BEGIN EXCLUSIVE");
  } catch (error) {
    await sql.close();
    if (systemCode(error) === "SQLITE_BUSY") return undefined;
    throw error;
  }
  return { release: () => sql.close() };
}

/** Removes what a killed hub left at the socket path. Only for the holder of the lock. */
export async function removeStaleSocket(path: string): Promise<void> {
  await rm(path, { force: true });
}
