/** Follows the edge's plan: the operator renames a new one into its place. A broken or newer one leaves the former in force. */

import { stat, watch } from "node:fs/promises";
import type { Clock } from "#base/clock.ts";
import { KtError, messageOf } from "#base/errors.ts";
import type { Log } from "#base/log.ts";
import { readRegularFile } from "#base/regular-file.ts";
import { systemCode } from "#base/system-error.ts";
import { type EdgeDocument, parseEdgeDocument } from "#expose/host/edge-document.ts";
import { edgeLimits } from "./limits.ts";

export interface FollowOptions {
  readonly path: string;
  readonly clock: Clock;
  readonly log: Log;
  readonly onPlan: (plan: EdgeDocument) => void;
}

/** Another inode, size or time means another content. */
async function signature(path: string): Promise<string> {
  try {
    const { ino, size, mtimeMs } = await stat(path);
    return `${ino} ${size} ${mtimeMs}`;
  } catch (error) {
    return systemCode(error) ?? "unreadable";
  }
}

const folderOf = (path: string): string => path.slice(0, path.lastIndexOf("/")) || "/";

/** The system's events only make it fast; it is looked at now and then also without one. */
export class PlanFollower {
  readonly #options: FollowOptions;
  readonly #stop = new AbortController();
  #seen = "";
  #hash: string | undefined;
  #cancel = (): void => {};
  #isLooking = false;
  #isStale = false;

  constructor(options: FollowOptions) {
    this.#options = options;
    void this.#watchFolder();
    void this.#look();
  }

  close(): void {
    this.#stop.abort();
    this.#cancel();
  }

  async #watchFolder(): Promise<void> {
    try {
      for await (const _ of watch(folderOf(this.#options.path), { signal: this.#stop.signal })) void this.#look();
    } catch {
      // Closed, or a folder that is not there yet: the regular look remains.
    }
  }

  /** What happens during a look is looked at after it. */
  async #look(): Promise<void> {
    if (this.#isLooking) {
      this.#isStale = true;
      return;
    }
    this.#isLooking = true;
    this.#cancel();
    do {
      this.#isStale = false;
      const now = await signature(this.#options.path);
      if (now !== this.#seen && !this.#stop.signal.aborted) {
        this.#seen = now;
        this.#read();
      }
    } while (this.#isStale);
    this.#isLooking = false;
    if (!this.#stop.signal.aborted) this.#cancel = this.#options.clock.after(edgeLimits.planLookMs, () => void this.#look());
  }

  #read(): void {
    const { path, log, onPlan } = this.#options;
    try {
      const { bytes } = readRegularFile(path, { mostBytes: edgeLimits.planBytes, code: "protocol" });
      const plan = parseEdgeDocument(new TextDecoder().decode(bytes));
      if (plan.hash === this.#hash) return;
      this.#hash = plan.hash;
      log("info", "plan", { hash: plan.hash, bindings: plan.bindings.length, uplinks: plan.uplinks.length });
      onPlan(plan);
    } catch (error) {
      const reason = systemCode(error) === "ENOENT" ? "there is none" : error instanceof KtError ? error.message : messageOf(error);
      const stays = this.#hash === undefined ? "nothing is served" : "the former one stays in force";
      log(this.#hash === undefined ? "warn" : "error", "plan-unusable", { path, text: `${reason}; ${stays}` });
    }
  }
}
