/** A stream of the relay's session as a Pipe, for a TargetConn. */

import type { KtError } from "#base/errors.ts";
import { RelayStreamError } from "#mux/relay-stream.ts";
import type { RelayReason } from "#wire/relay-frame.ts";
import type { Pipe, PipeListener } from "#tunnel/pipe/pipe.ts";
import type { RelayedStream } from "./relay-way.ts";

/** Whether the address has seen nothing of what was sent. Where that is not certain, its connection may have ended as soon as it was made. */
const isUnseen: Readonly<Record<RelayReason, boolean>> = {
  refused: true,
  "not-found": true,
  unreachable: true,
  overloaded: true,
  lost: false,
  cancelled: false,
};

export interface RelayPipeHooks {
  /** What a relay says of a connection that it could not make or lost, in the user's terms. */
  readonly describe: (failure: RelayStreamError) => KtError;
  /** One more is open, or one less. */
  readonly count: (by: 1 | -1) => void;
}

export class RelayPipe implements Pipe {
  readonly halfCloses = true;
  readonly #stream: RelayedStream;
  readonly #hooks: RelayPipeHooks;
  #over = false;
  #hasSent = false;

  constructor(stream: RelayedStream, listener: PipeListener, hooks: RelayPipeHooks) {
    this.#stream = stream;
    this.#hooks = hooks;
    hooks.count(1);
    stream.start({
      onData: (bytes) => listener.pipeData(bytes),
      onEnd: () => listener.pipeEnded(),
      onDrain: () => listener.pipeDrained(),
      onClose: (error) => {
        if (!this.#end()) return;
        if (error) this.#failed(listener, error);
        else listener.pipeClosed();
      },
    });
  }

  get hasSent(): boolean {
    return this.#hasSent;
  }

  write(bytes: Uint8Array): boolean {
    this.#hasSent = true;
    return this.#stream.write(bytes);
  }

  end(): void {
    this.#stream.end();
  }

  abort(): void {
    this.#end();
    this.#stream.abort();
  }

  pause(): void {
    this.#stream.pause();
  }

  resume(): void {
    this.#stream.resume();
  }

  /** Returns whether it was not over already. */
  #end(): boolean {
    if (this.#over) return false;
    this.#over = true;
    this.#hooks.count(-1);
    return true;
  }

  #failed(listener: PipeListener, error: KtError): void {
    const isSaid = error instanceof RelayStreamError;
    const isUnmade = isSaid && !this.#stream.isOpened && isUnseen[error.reason];
    listener.pipeFailed(isSaid ? this.#hooks.describe(error) : error, isUnmade ? "always" : "if-nothing-sent");
  }
}
