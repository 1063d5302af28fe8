/** Asks a backend that closed on plain HTTP, over another connection, whether it speaks TLS. */

import { proxyLimits } from "#proxy/limits.ts";
import { tlsClient } from "#net/tls.ts";
import type { Destination } from "#route/target.ts";
import type { DoorContext } from "#proxy/door/context.ts";

/** False where it cannot be found out in a moment. */
export async function speaksTls({ dialer, clock }: Pick<DoorContext, "dialer" | "clock">, target: Destination): Promise<boolean> {
  const giveUp = new AbortController();
  const cancel = clock.after(proxyLimits.tlsAskMs, () => giveUp.abort(new Error("no answer in time")));
  try {
    const link = await dialer.dial(target, giveUp.signal);
    const { conn } = await tlsClient(link.conn, { serverName: "localhost", insecure: true }, giveUp.signal);
    conn.abort();
    return true;
  } catch {
    return false;
  } finally {
    cancel();
  }
}
