/** Asks the peer of a new SPDY session for a sign of life: some proxies agree to the upgrade and then pass nothing on. */

import type { Clock } from "#base/clock.ts";
import type { Conn } from "#base/conn.ts";
import { frameWorkers } from "#mux/spdystream.ts";
import { encodeControlFrame } from "#wire/spdy-frame.ts";

/** Odd, as a client's ids are, and larger than any that a session uses. */
const id = 0x7f_ff_ff_ff;

/** One for each of the peer's workers, so that their turns are where a session expects them. */
const pings = Array.from({ length: frameWorkers }, () => encodeControlFrame({ type: "ping", id }));

/** How a control frame begins, and until streams are open there are no others. */
const controlBit = 0x80;

type Proof = "alive" | "silent" | "closed" | "other";

/**
 * "alive": a frame came; the Conn is paused before it. "silent": nothing came in time, and the Conn is paused. "other": what came
 * is not SPDY. Rejects with the signal's reason, the Conn then being aborted.
 */
export function proveSpdy(conn: Conn, clock: Clock, timeoutMs: number, signal: AbortSignal): Promise<Proof> {
  return new Promise((resolve, reject) => {
    const leave = (): void => {
      cancel();
      signal.removeEventListener("abort", onAbort);
      conn.pause();
    };
    const become = (proof: Proof): void => {
      leave();
      resolve(proof);
    };
    const onAbort = (): void => {
      leave();
      // First the reason: aborting may report a close of its own, at once.
      reject(signal.reason);
      conn.abort();
    };
    const cancel = clock.after(timeoutMs, () => become("silent"));
    signal.addEventListener("abort", onAbort, { once: true });
    conn.start({
      onData(bytes) {
        become(bytes[0] === controlBit ? "alive" : "other");
        conn.unread(bytes);
      },
      onEnd: () => become("closed"),
      onDrain() {},
      onClose: () => become("closed"),
    });
    for (const ping of pings) conn.write(ping);
    if (signal.aborted) onAbort();
  });
}
