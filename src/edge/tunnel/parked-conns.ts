/** Connections that one uplink has made and that wait for work, and what waits for one of them. */

import type { Conn } from "#base/conn.ts";
import { edgeLimits } from "#edge/limits.ts";

interface Waiting {
  readonly give: (conn: Conn) => void;
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

  /** Paused. Rejects with the signal's reason. */
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
    };
    const onAbort = (): void => {
      this.#waiting.delete(waiting);
      reject(signal.reason);
    };
    signal.addEventListener("abort", onAbort, { once: true });
    this.#waiting.add(waiting);
    return promise;
  }

  /** Ends those that wait for work. */
  close(): void {
    for (const conn of this.#conns.splice(0)) conn.abort();
  }
}
