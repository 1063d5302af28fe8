/** A flow that its carrier can take away, and that says when it is over. */

import type { Datagrams, DatagramsHandler } from "#base/datagrams.ts";
import type { KtError } from "#base/errors.ts";

export class CarriedFlow implements Datagrams {
  readonly #inner: Datagrams;
  readonly #onClose: () => void;
  #handler: DatagramsHandler | undefined;
  #closed: { readonly error: KtError | undefined } | undefined;

  constructor(inner: Datagrams, onClose: () => void) {
    this.#inner = inner;
    this.#onClose = onClose;
  }

  get remoteAddress(): string | undefined {
    return this.#inner.remoteAddress;
  }

  get droppedDatagrams(): number {
    return this.#inner.droppedDatagrams;
  }

  start(handler: DatagramsHandler): void {
    this.#handler = handler;
    const { error } = this.#closed ?? {};
    if (this.#closed) queueMicrotask(() => handler.onClose(error));
    else
      this.#inner.start({
        onDatagram: (payload) => handler.onDatagram(payload),
        onUnreachable: (problem) => handler.onUnreachable(problem),
        onClose: (problem) => this.#end(problem),
      });
  }

  send(payload: Uint8Array): boolean {
    return this.#inner.send(payload);
  }

  close(): void {
    this.lose(undefined);
  }

  lose(error: KtError | undefined): void {
    this.#end(error);
    this.#inner.close();
  }

  #end(error: KtError | undefined): void {
    if (this.#closed) return;
    this.#closed = { error };
    this.#onClose();
    const handler = this.#handler;
    if (handler) queueMicrotask(() => handler.onClose(error));
  }
}
