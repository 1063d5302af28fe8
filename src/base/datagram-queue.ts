/** Datagrams that wait for a flow to be opened or read: bounded in bytes and number; what does not fit is dropped. */

import { sharedLimits } from "./limits.ts";

export class DatagramQueue {
  readonly #waiting: Uint8Array[] = [];
  #waitingBytes = 0;

  /** Returns false where there is no room: the datagram is dropped, since those before it are likelier to be still wanted. */
  push(payload: Uint8Array): boolean {
    const bytes = this.#waitingBytes + payload.length;
    if (this.#waiting.length >= sharedLimits.waitingDatagrams || bytes > sharedLimits.waitingDatagramBytes) return false;
    this.#waiting.push(payload);
    this.#waitingBytes = bytes;
    return true;
  }

  /** The oldest one; undefined where none waits. */
  shift(): Uint8Array | undefined {
    const payload = this.#waiting.shift();
    this.#waitingBytes -= payload?.length ?? 0;
    return payload;
  }

  clear(): void {
    this.#waiting.length = 0;
    this.#waitingBytes = 0;
  }
}
