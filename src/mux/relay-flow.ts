/** One UDP flow within a session with a relay: datagrams both ways, between one client and one address. */

import { KtError } from "#base/errors.ts";
import type { RelayReason } from "#wire/relay-frame.ts";
import type { RelayChannel, RelayChannelOwner } from "./relay-channel.ts";
import { RelayStreamError } from "./relay-stream.ts";

/** Hears a flow. No method may throw. */
export interface RelayFlowHandler {
  onDatagram(bytes: Uint8Array): void;
  /** Once, and last; `error` says why when it was not closed by this side. */
  onClose(error: KtError | undefined): void;
}

export class RelayFlow implements RelayChannel {
  readonly id: number;
  readonly #owner: RelayChannelOwner;
  #handler: RelayFlowHandler | undefined;
  #opened = false;
  #closed: { readonly error: KtError | undefined } | undefined;

  constructor(id: number, owner: RelayChannelOwner) {
    this.id = id;
    this.#owner = owner;
  }

  get isOpened(): boolean {
    return this.#opened;
  }

  /** What came before is dropped, as on any network. */
  start(handler: RelayFlowHandler): void {
    this.#handler = handler;
    if (!this.#closed) return;
    const { error } = this.#closed;
    queueMicrotask(() => handler.onClose(error));
  }

  /** For the side that was asked: the socket is there. */
  accept(): void {
    if (!this.#closed) this.#owner.send({ type: "opened", stream: this.id });
  }

  /** Returns whether there was room; without, it is dropped. */
  send(bytes: Uint8Array): boolean {
    return this.#closed === undefined && this.#owner.sendDatagram(this.id, bytes);
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

  datagram(bytes: Uint8Array): void {
    this.#opened = true;
    this.#handler?.onDatagram(bytes);
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
    this.#owner.forget(this);
    const handler = this.#handler;
    if (handler) queueMicrotask(() => handler.onClose(error));
  }
}
