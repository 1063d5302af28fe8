/** What makes a process the user's hub, its lock and its socket: taken, put back when their folder is removed, and given up. */

import { lstat } from "node:fs/promises";
import type { Clock } from "#base/clock.ts";
import { KtError, toKtError } from "#base/errors.ts";
import { daemonLimits } from "#daemon/limits.ts";
import type { ControlServer } from "#control/server.ts";
import { socketPath } from "#control/socket-path.ts";
import { type HubLock, lockPath, removeStaleSocket, takeLock } from "./lock.ts";
import { makeOwnDirectory } from "./runtime-dir.ts";

export interface IdentityWatch {
  readonly clock: Clock;
  readonly onRestored: () => void;
  /** No command finds this hub any more; `isTaken`: another one has lock and socket. It is tried again. */
  readonly onLost: (why: KtError, isTaken: boolean) => void;
}

export class HubIdentity {
  readonly #directory: string;
  #lock: HubLock;
  #server: ControlServer | undefined;
  /** What lock and socket were when this hub had them last. */
  #seen = "";
  #cancel = (): void => {};
  #closed = false;

  private constructor(directory: string, lock: HubLock) {
    this.#directory = directory;
    this.#lock = lock;
  }

  /** Undefined while another process has it. */
  static async take(directory: string): Promise<HubIdentity | undefined> {
    const lock = await takeLock(directory);
    return lock && new HubIdentity(directory, lock);
  }

  /** Puts the server's socket there, whatever a killed hub left. */
  async open(serve: (path: string) => ControlServer): Promise<void> {
    const path = socketPath(this.#directory);
    await removeStaleSocket(path);
    this.#server = serve(path);
    this.#seen = await this.#look();
  }

  /** Cleaners of temporary folders, and the end of a login session, remove what is still in use. */
  watch(watch: IdentityWatch): void {
    this.#cancel = watch.clock.after(daemonLimits.identityCheckMs, () => {
      void this.#check(watch).finally(() => {
        if (!this.#closed) this.watch(watch);
      });
    });
  }

  /** Disconnects the clients; the lock stays taken. */
  leave(): void {
    this.#closed = true;
    this.#cancel();
    this.#server?.close();
  }

  /** Lets another hub have it. */
  release(): Promise<void> {
    return this.#lock.release();
  }

  async #check({ onRestored, onLost }: IdentityWatch): Promise<void> {
    if ((await this.#look()) === this.#seen || this.#closed) return;
    try {
      await makeOwnDirectory(this.#directory, process.getuid?.() ?? 0);
      if (await this.#restore()) onRestored();
      else onLost(new KtError("hub-failed", `another hub has taken the lock in "${this.#directory}"`), true);
    } catch (error) {
      onLost(toKtError(error, "hub-failed", `put the hub's socket back into "${this.#directory}"`), false);
    }
  }

  /** False where another hub holds the lock that is there now. */
  async #restore(): Promise<boolean> {
    const isOurs = (await inode(lockPath(this.#directory))) === this.#seen.split(" ")[0];
    if (!isOurs) {
      const lock = await takeLock(this.#directory);
      if (!lock) return false;
      await this.#lock.release();
      this.#lock = lock;
    }
    if (this.#closed) return true;
    await removeStaleSocket(socketPath(this.#directory));
    this.#server?.listenAgain();
    this.#seen = await this.#look();
    return true;
  }

  async #look(): Promise<string> {
    const [lock, socket] = await Promise.all([inode(lockPath(this.#directory)), inode(socketPath(this.#directory))]);
    return `${lock} ${socket}`;
  }
}

/** A removed file that is made again is another inode, at least while this process holds the old one. */
async function inode(path: string): Promise<string> {
  return await lstat(path).then(
    ({ dev, ino }) => `${dev}:${ino}`,
    () => "absent",
  );
}
