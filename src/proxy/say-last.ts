/** Says why to a client that is refused, and lets it read that before the connection ends. */

import type { Clock } from "#base/clock.ts";
import type { Conn } from "#base/conn.ts";
import { proxyLimits } from "./limits.ts";

/** Takes the Conn over. Reads on until the client closes: a reset could take the answer away. */
export function sayLast(conn: Conn, said: readonly Uint8Array[], clock: Clock, onClosed: () => void): void {
  const cancel = clock.after(proxyLimits.refusalLingerMs, () => conn.abort());
  conn.start({
    onData() {},
    onEnd() {},
    onDrain() {},
    onClose() {
      cancel();
      onClosed();
    },
  });
  for (const bytes of said) conn.write(bytes);
  conn.end();
}
