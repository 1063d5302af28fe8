/** The streams on which edges without a way to this uplink's address send datagrams: one of each instance, told apart by a number. */

import type { Conn } from "#base/conn.ts";
import { FramedDatagrams } from "#net/framed-datagrams.ts";
import { uplinkLimits } from "#uplink/limits.ts";

export class DatagramStreams {
  /** The newest last. */
  readonly #streams = new Map<number, FramedDatagrams>();
  readonly #onDatagram: (payload: Uint8Array, stream: number) => void;
  #next = 0;

  constructor(onDatagram: (payload: Uint8Array, stream: number) => void) {
    this.#onDatagram = onDatagram;
  }

  /** Owns the Conn. */
  serve(conn: Conn): void {
    this.#next += 1;
    const id = this.#next;
    const stream = new FramedDatagrams({
      conn,
      waitingBytes: uplinkLimits.waitingDatagramBytes,
      onDatagram: (payload) => this.#onDatagram(payload, id),
      onClose: () => void this.#streams.delete(id),
    });
    this.#streams.set(id, stream);
    if (this.#streams.size > uplinkLimits.newsStreams) this.#streams.values().next().value?.close();
  }

  /** On the one that a session was heard from last, or where that has ended on the newest: an edge opens another one at once. */
  send(datagram: Uint8Array, id: number): void {
    const stream = this.#streams.get(id) ?? [...this.#streams.values()].at(-1);
    stream?.send(datagram);
  }

  close(): void {
    for (const stream of [...this.#streams.values()]) stream.close();
  }
}
