/** Connections that one uplink has made and that wait for work, and what waits for one of them. */

import type { Conn } from "#base/conn.ts";
import { KtError } from "#base/errors.ts";
import { edgeLimits } from "#edge/limits.ts";

interface Waiting {
  readonly give: (conn: Conn) => void;
  readonly refuse: (error: KtError) => void;
}

export class ParkedConns {
  /** The newest last: it is the likeliest to be alive. */
  readonly #conns: Conn[] = [];
  /** Who came first is served first. */
  readonly #waiting = new Set<Waiting>();

  get size(): number {
    return this.#conns.length;
  }

  /** Owns the Conn. */
  add(conn: Conn): void {
    const [first] = this.#waiting;
    if (first) {
      this.#waiting.delete(first);
      first.give(conn);
      return;
    }
    if (this.#conns.length >= edgeLimits.parkedConnections) {
      conn.abort();
      return;
    }
    const lose = (): void => {
      const at = this.#conns.indexOf(conn);
      if (at >= 0) this.#conns.splice(at, 1);
    };
    this.#conns.push(conn);
    // An uplink says nothing before it is asked.
    conn.start({ onData: () => conn.abort(), onEnd: () => conn.abort(), onDrain() {}, onClose: lose });
  }

  /** Paused. Rejects with the signal's reason, or KtError `connection-lost` where the uplink leaves. */
  take(signal: AbortSignal): Promise<Conn> {
    if (signal.aborted) return Promise.reject(signal.reason);
    const parked = this.#conns.pop();
    if (parked) {
      parked.pause();
      return Promise.resolve(parked);
    }
    const { promise, resolve, reject } = Promise.withResolvers<Conn>();
    const waiting: Waiting = {
      give: (conn) => {
        signal.removeEventListener("abort", onAbort);
        resolve(conn);
      },
      refuse: (error) => {
        signal.removeEventListener("abort", onAbort);
        reject(error);
      },
    };
    const onAbort = (): void => {
      this.#waiting.delete(waiting);
      reject(signal.reason);
    };
    signal.addEventListener("abort", onAbort, { once: true });
    this.#waiting.add(waiting);
    return promise;
  }

  /** Ends those that wait for work, or so many of them, the oldest first. */
  close(count = this.#conns.length): void {
    for (const conn of this.#conns.splice(0, count)) conn.abort();
  }

  /** The uplink is not wanted any more. */
  leave(): void {
    this.close();
    for (const waiting of this.#waiting) waiting.refuse(new KtError("connection-lost", "it has left the plan"));
    this.#waiting.clear();
  }
}
