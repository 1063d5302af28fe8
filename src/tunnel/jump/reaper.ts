/**
 * Makes processes in jump hosts end with their connections. A node does not end a command whose client has gone: it closes the
 * input, and a command that still writes waits for a reader for ever. So its output is read until it has ended, and a process
 * that does not end by itself is killed.
 */

import type { Clock } from "#base/clock.ts";
import { tunnelLimits } from "#tunnel/limits.ts";
import type { Exec } from "#kube/objects/types.ts";

export class JumpReaper {
  readonly #clock: Clock;
  /** What each needs done once it has ended, or will not. */
  readonly #pending = new Set<() => void>();
  #emptied = Promise.withResolvers<void>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Takes over a running command. `kill` ends it in another way; false: not yet. Returns what to call once it has ended. */
  add(exec: Exec, kill: () => boolean): () => void {
    const finish = (): void => {
      cancel();
      exec.abort();
      this.#pending.delete(finish);
      if (this.#pending.size === 0) this.#emptied.resolve();
    };
    const giveUpMs = this.#clock.now() + tunnelLimits.jumpStartMs;
    const tell = (): void => {
      const waits = !kill() && this.#clock.now() < giveUpMs;
      cancel = waits ? this.#clock.after(tunnelLimits.jumpLeaveMs, tell) : this.#clock.after(tunnelLimits.jumpKillMs, finish);
    };
    let cancel = this.#clock.after(tunnelLimits.jumpLeaveMs, tell);
    this.#pending.add(finish);
    exec.end();
    exec.resume();
    return finish;
  }

  /** Waits for those that are ending, for as long as a hub may take to end. */
  async close(): Promise<void> {
    if (this.#pending.size === 0) return;
    this.#emptied = Promise.withResolvers();
    const cancel = this.#clock.after(tunnelLimits.jumpLeaveMs + tunnelLimits.jumpKillMs, () => this.#emptied.resolve());
    await this.#emptied.promise;
    cancel();
    for (const finish of [...this.#pending]) finish();
  }
}
