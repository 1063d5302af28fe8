/** Who waits to learn whether a service of the cluster leads here. */

import { KtError } from "#base/errors.ts";
import type { Standing } from "#tunnel/standing.ts";

/** `stopped`: by the user, until the user starts it again. */
export type ReverseStanding = Standing | { readonly state: "stopped" };

export class ReverseOutcomes {
  /** Each looks, and leaves when it has seen enough. */
  readonly #waiting = new Set<() => void>();

  /** Some service stands otherwise now. */
  look(): void {
    for (const look of [...this.#waiting]) look();
  }

  /** Resolves when it runs; rejects with why it does not, when it was stopped, or as the signal says. */
  async next(standing: () => ReverseStanding, signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    const outcome = Promise.withResolvers<void>();
    const look = (): void => {
      const now = standing();
      if (now.state === "running") outcome.resolve();
      else if (now.state === "stopped") outcome.reject(new KtError("route-stopped", "it was stopped meanwhile"));
      else if (now.state === "failed") outcome.reject(failureOf(now));
    };
    const onAbort = (): void => outcome.reject(signal.reason);
    this.#waiting.add(look);
    signal.addEventListener("abort", onAbort);
    try {
      look();
      await outcome.promise;
    } finally {
      this.#waiting.delete(look);
      signal.removeEventListener("abort", onAbort);
    }
  }
}

function failureOf(standing: Extract<ReverseStanding, { state: "failed" }>): KtError {
  const { code, message, hints } = standing.problem;
  return new KtError(code, message, { hints });
}
