/** Says no to a stream so that its edge can read it, and leaves nothing open. */

import type { Clock } from "#base/clock.ts";
import type { Conn } from "#base/conn.ts";
import { encodeUplinkAnswer, type UplinkAnswer } from "#wire/uplink-frame.ts";
import { uplinkLimits } from "#uplink/limits.ts";

/** Owns the Conn. Ended and not reset at once: a reset may overtake the answer. */
export function refuseStream(conn: Conn, answer: UplinkAnswer, clock: Clock): void {
  const cancel = clock.after(uplinkLimits.refusalMs, () => conn.abort());
  conn.start({ onData() {}, onEnd() {}, onDrain() {}, onClose: cancel });
  conn.write(encodeUplinkAnswer(answer));
  conn.end();
}
