/** Connects to an address; where no answer comes soon, by further attempts beside the first, since a balancer may send those elsewhere. */

import type { Clock } from "#base/clock.ts";
import type { Conn } from "#base/conn.ts";
import { KtError } from "#base/errors.ts";
import type { RelayAddress } from "#wire/relay-frame.ts";
import { relayLimits } from "./limits.ts";

export type Connect = (to: RelayAddress) => Promise<Conn>;

/** Rejects with the system's own error once no attempt is left, or with `target-unreachable` when the time is up. */
export function dial(to: RelayAddress, connect: Connect, clock: Clock): Promise<Conn> {
  const { promise, resolve, reject } = Promise.withResolvers<Conn>();
  let isOver = false;
  let underWay = 0;
  let cancel = (): void => {};
  const finish = (): void => {
    isOver = true;
    cancel();
  };
  const attempt = (): void => {
    underWay += 1;
    connect(to).then(
      (conn) => {
        if (isOver) return conn.abort();
        finish();
        resolve(conn);
      },
      (error: unknown) => {
        underWay -= 1;
        if (underWay > 0 || isOver) return;
        finish();
        reject(error);
      },
    );
  };
  // One timer at a time: nearly all connections are made before the first.
  const later = (at: number): void => {
    const [fromMs = 0, untilMs = relayLimits.connectMs] = [relayLimits.connectAgainMs[at - 1], relayLimits.connectAgainMs[at]];
    cancel = clock.after(untilMs - fromMs, () => {
      if (at < relayLimits.connectAgainMs.length) {
        attempt();
        later(at + 1);
        return;
      }
      finish();
      reject(new KtError("target-unreachable", "timed out"));
    });
  };
  later(0);
  attempt();
  return promise;
}
