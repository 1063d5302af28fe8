/** Connects to an address; where no answer comes soon, by further attempts beside the first, since a balancer may send those elsewhere. */

import type { Clock } from "#base/clock.ts";
import type { Conn } from "#base/conn.ts";
import { KtError } from "#base/errors.ts";
import type { RelayAddress } from "#wire/relay-frame.ts";
import { relayLimits } from "./limits.ts";

export type Connect = (options: RelayAddress & { readonly signal: AbortSignal }) => Promise<Conn>;

/** Rejects with the system's own error once no attempt is left, or with `target-unreachable` when the time is up. */
export function dial(to: RelayAddress, connect: Connect, clock: Clock): Promise<Conn> {
  const { promise, resolve, reject } = Promise.withResolvers<Conn>();
  const over = new AbortController();
  let underWay = 0;
  const attempt = (): void => {
    underWay += 1;
    connect({ ...to, signal: over.signal }).then(resolve, (error: unknown) => {
      underWay -= 1;
      if (underWay === 0) reject(error);
    });
  };
  const cancels = relayLimits.connectAgainMs.map((delayMs) => clock.after(delayMs, attempt));
  cancels.push(clock.after(relayLimits.connectMs, () => reject(new KtError("target-unreachable", "timed out"))));
  attempt();
  return promise.finally(() => {
    for (const cancel of cancels) cancel();
    over.abort();
  });
}
