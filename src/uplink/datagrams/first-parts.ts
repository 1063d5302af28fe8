/** Joins datagrams that came in two parts: a payload that fills a datagram by itself has no room for the head of its session. */

import { concatBytes } from "#base/bytes.ts";
import { uplinkLimits } from "#uplink/limits.ts";

export class FirstParts {
  /** By session. The second part follows at once, so few wait; the oldest goes first. */
  readonly #waiting = new Map<number, Uint8Array>();

  keep(session: number, part: Uint8Array): void {
    this.#waiting.delete(session);
    this.#waiting.set(session, part);
    const [oldest] = this.#waiting.keys();
    if (this.#waiting.size > uplinkLimits.firstParts && oldest !== undefined) this.#waiting.delete(oldest);
  }

  /** Undefined where the first part was lost, and so the whole. */
  join(session: number, second: Uint8Array): Uint8Array | undefined {
    const first = this.#waiting.get(session);
    this.#waiting.delete(session);
    return first && concatBytes([first, second]);
  }

  forget(session: number): void {
    this.#waiting.delete(session);
  }
}
