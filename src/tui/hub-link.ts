/** The view's connection to the hub: it follows the status, and comes back by itself where the hub has died. */

import { Backoff } from "#base/backoff.ts";
import type { Clock } from "#base/clock.ts";
import { toKtError } from "#base/errors.ts";
import type { Snapshot } from "#control/api.ts";
import type { HubClient } from "#control/client.ts";
import { tuiLimits } from "./limits.ts";

/** How the previous hub went: killed, or asked to end. */
export type Loss = "died" | "stopped";

export interface HubLinkOptions {
  /** Another connection, to the same hub or to a new one. Rejects with KtError. */
  readonly connect: (loss: Loss) => Promise<HubClient>;
  readonly onSnapshot: (snapshot: Snapshot) => void;
  /** What is shown is not true any more, and why. */
  readonly onLost: (why: string) => void;
  readonly clock: Clock;
}

export class HubLink {
  readonly #options: HubLinkOptions;
  readonly #closed = new AbortController();
  #client: HubClient | undefined;

  constructor(options: HubLinkOptions) {
    this.#options = options;
  }

  /** Undefined while there is no hub. */
  get client(): HubClient | undefined {
    return this.#client;
  }

  /** Resolves once it is released and the connection is over. */
  async follow(first: HubClient): Promise<void> {
    for (let client = first; !this.#closed.signal.aborted; ) {
      const loss = await this.#whileOpen(client);
      if (this.#closed.signal.aborted) return;
      this.#options.onLost(loss === "died" ? "the hub died" : "the hub was stopped");
      const next = await this.#next(loss);
      if (next === undefined) return;
      client = next;
    }
  }

  /** Follows no more; the connection, if there is one, is the caller's from now on. */
  release(): HubClient | undefined {
    this.#closed.abort();
    return this.#client;
  }

  /** The connection is the lease of a profile: it must not be closed while it works. */
  async #whileOpen(client: HubClient): Promise<Loss> {
    this.#client = client;
    let loss: Loss = "died";
    void client.gone.then(({ profile }) => {
      if (profile === undefined) loss = "stopped";
    });
    void client.watch(this.#options.onSnapshot).catch(() => {});
    await client.closed;
    this.#client = undefined;
    return loss;
  }

  async #next(loss: Loss): Promise<HubClient | undefined> {
    const { connect, onLost, clock } = this.#options;
    const { signal } = this.#closed;
    for (const backoff = new Backoff(clock); ; ) {
      await backoff.afterFailure(signal, { maxMs: tuiLimits.hubRetryMs });
      if (signal.aborted) return undefined;
      try {
        return await connect(loss);
      } catch (error) {
        const { code, message } = toKtError(error, "hub-failed", "reach the hub");
        if (code !== "hub-unreachable") onLost(message);
      }
    }
  }
}
