/** A pair of Datagrams in memory that can lose what is sent, report it, and end for a reason. */

import { DatagramQueue } from "#base/datagram-queue.ts";
import type { Datagrams, DatagramsHandler } from "#base/datagrams.ts";
import type { KtError } from "#base/errors.ts";
import { sharedLimits } from "#base/limits.ts";

export class MemoryDatagrams implements Datagrams {
  readonly remoteAddress = undefined;
  droppedDatagrams = 0;
  readonly #incoming = new DatagramQueue();
  #joined: MemoryDatagrams | undefined;
  #handler: DatagramsHandler | undefined;
  #isScheduled = false;
  #closed: { readonly error: KtError | undefined } | undefined;
  /** Whether a datagram that is sent from here gets lost on its way, which no end learns of. */
  loses: (payload: Uint8Array) => boolean = () => false;

  static pair(): [MemoryDatagrams, MemoryDatagrams] {
    const [one, other] = [new MemoryDatagrams(), new MemoryDatagrams()];
    one.#joined = other;
    other.#joined = one;
    return [one, other];
  }

  start(handler: DatagramsHandler): void {
    this.#handler = handler;
    if (this.#closed) {
      const { error } = this.#closed;
      queueMicrotask(() => handler.onClose(error));
    } else this.#schedule();
  }

  send(payload: Uint8Array): boolean {
    const isTaken = !this.#closed && payload.length <= sharedLimits.datagramBytes && this.#takes(payload);
    if (!isTaken) this.droppedDatagrams += 1;
    return isTaken;
  }

  close(): void {
    this.fail(undefined);
  }

  /** What carries the flow is gone, at this end only. */
  fail(error: KtError | undefined): void {
    if (this.#closed) return;
    this.#closed = { error };
    this.#incoming.clear();
    const handler = this.#handler;
    if (handler) queueMicrotask(() => handler.onClose(error));
  }

  unreachable(error: KtError): void {
    if (!this.#closed) this.#handler?.onUnreachable(error);
  }

  #takes(payload: Uint8Array): boolean {
    if (this.loses(payload) || !this.#joined || this.#joined.#closed) return true;
    // A reader may change what it is given, and a writer may send the same bytes again.
    const isTaken = this.#joined.#incoming.push(new Uint8Array(payload));
    this.#joined.#schedule();
    return isTaken;
  }

  /** In a microtask, as a socket would deliver from the event loop. */
  #schedule(): void {
    if (this.#isScheduled || !this.#handler) return;
    this.#isScheduled = true;
    queueMicrotask(() => {
      this.#isScheduled = false;
      while (this.#handler && !this.#closed) {
        const payload = this.#incoming.shift();
        if (!payload) return;
        this.#handler.onDatagram(payload);
      }
    });
  }
}
