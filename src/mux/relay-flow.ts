/** One UDP flow within a session with a relay: datagrams both ways, between one client and one address. */

import { DatagramQueue } from "#base/datagram-queue.ts";
import type { Datagrams, DatagramsHandler } from "#base/datagrams.ts";
import { KtError } from "#base/errors.ts";
import type { RelayReason } from "#wire/relay-frame.ts";
import type { RelayChannel, RelayChannelOwner } from "./relay-channel.ts";
import { RelayStreamError } from "./relay-stream.ts";

const codes: Readonly<Partial<Record<RelayReason, "target-refused" | "target-not-found">>> = {
  refused: "target-refused",
  "not-found": "target-not-found",
};

export class RelayFlow implements Datagrams, RelayChannel {
  readonly remoteAddress = undefined;
  readonly id: number;
  readonly #owner: RelayChannelOwner;
  /** What came before there was a handler. */
  readonly #early = new DatagramQueue();
  #handler: DatagramsHandler | undefined;
  #opened = false;
  #closed: { readonly error: KtError | undefined } | undefined;
  droppedDatagrams = 0;

  constructor(id: number, owner: RelayChannelOwner) {
    this.id = id;
    this.#owner = owner;
  }

  get isOpened(): boolean {
    return this.#opened;
  }

  start(handler: DatagramsHandler): void {
    this.#handler = handler;
    if (this.#closed) {
      const { error } = this.#closed;
      queueMicrotask(() => handler.onClose(error));
      return;
    }
    for (let early = this.#early.shift(); early && this.#handler === handler; early = this.#early.shift()) handler.onDatagram(early);
  }

  /** For the side that was asked: the socket is there. */
  accept(): void {
    if (!this.#closed) this.#owner.send({ type: "opened", stream: this.id });
  }

  send(payload: Uint8Array): boolean {
    const isSent = this.#closed === undefined && this.#owner.sendDatagram(this.id, payload);
    if (!isSent) this.droppedDatagrams += 1;
    return isSent;
  }

  /** For the side that was asked: what the network reports of an earlier datagram. */
  report(reason: RelayReason, text: string): void {
    if (!this.#closed) this.#owner.send({ type: "unreachable", stream: this.id, reason, text });
  }

  /** Ends it and says why. */
  refuse(reason: RelayReason, text: string): void {
    if (this.#closed) return;
    this.#owner.send({ type: "reset", stream: this.id, reason, text });
    this.#close(undefined);
  }

  close(): void {
    this.refuse("cancelled", "");
  }

  received(): void {
    throw new KtError("protocol", "the relay's session has a stream of bytes where datagrams are meant");
  }

  datagram(payload: Uint8Array): void {
    this.#opened = true;
    if (this.#handler) this.#handler.onDatagram(payload);
    else if (!this.#early.push(payload)) this.droppedDatagrams += 1;
  }

  unreachable(reason: RelayReason, text: string): void {
    this.#opened = true;
    this.#handler?.onUnreachable(new KtError(codes[reason] ?? "target-unreachable", text));
  }

  opened(): void {
    this.#opened = true;
  }

  peerEnded(): void {
    this.#close(undefined);
  }

  peerReset(reason: RelayReason, text: string): void {
    this.#close(new RelayStreamError(reason, text));
  }

  credited(): void {}

  takeTurn(): boolean {
    return false;
  }

  lost(error: KtError): void {
    this.#close(error);
  }

  #close(error: KtError | undefined): void {
    if (this.#closed) return;
    this.#closed = { error };
    this.#early.clear();
    this.#owner.forget(this);
    const handler = this.#handler;
    if (handler) queueMicrotask(() => handler.onClose(error));
  }
}
