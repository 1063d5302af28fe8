/** One HTTP/2 stream of one connection: its two halves, what waits to be sent on it, and its windows. */

import type { KtError } from "#base/errors.ts";
import { h2Codes, maxWindowBytes } from "#wire/h2-frame.ts";
import type { Header } from "#wire/http-head.ts";
import { ReceiveWindow } from "./window.ts";

/** Why a stream ended before both halves did. */
export interface StreamFailure {
  /** RFC 9113 §7. */
  readonly code: number;
  /** True when the peer has certainly not acted on the request, which may be sent again. */
  readonly refused: boolean;
  /** Undefined when the peer reset the stream itself. */
  readonly error: KtError | undefined;
}

/** What the holder of a stream is notified of. `onFailure` is the last call; a stream whose two halves end makes no further call. */
export interface H2StreamHandler {
  /** A head, an interim head, or trailers. */
  onHeaders(headers: readonly Header[], endStream: boolean): void;
  /** Bytes that the callee may keep and must `grant` once it is done with them. */
  onData(bytes: Uint8Array, endStream: boolean): void;
  /** So many bytes of what was given to `sendData` have left. */
  onSent(bytes: number): void;
  onFailure(failure: StreamFailure): void;
}

/** What a stream needs of its connection. */
export interface StreamHost {
  /** The stream has something to send. */
  wake(stream: H2Stream): void;
  sendHeaders(stream: H2Stream, headers: readonly Header[], endStream: boolean): void;
  sendReset(stream: H2Stream, code: number): void;
  sendWindowUpdate(stream: H2Stream, incrementBytes: number): void;
  borrowWindow(bytes: number): boolean;
  /** The peer violated the protocol on a stream; throws when it does so too often. */
  noteViolation(): void;
  /** Nothing more will be sent or delivered on it. */
  retire(stream: H2Stream): void;
}

/** What follows the queue. */
type Tail = "open" | "end" | readonly Header[];

export interface OutgoingData {
  readonly bytes: Uint8Array;
  readonly endStream: boolean;
}

const nothing = new Uint8Array(0);

export class H2Stream {
  readonly id: number;
  readonly #host: StreamHost;
  readonly #window: ReceiveWindow;
  #handler: H2StreamHandler | undefined;
  #sendWindowBytes: number;
  #queue: Uint8Array[] = [];
  #tail: Tail = "open";
  #resetAfterQueue: number | undefined;
  #localEnded = false;
  #remote: "open" | "ended" | "reset";
  #over = false;

  constructor(id: number, host: StreamHost, sendWindowBytes: number, remoteEnded: boolean) {
    this.id = id;
    this.#host = host;
    this.#sendWindowBytes = sendWindowBytes;
    this.#remote = remoteEnded ? "ended" : "open";
    this.#window = new ReceiveWindow((bytes) => host.borrowWindow(bytes));
  }

  get borrowedBytes(): number {
    return this.#window.borrowedBytes;
  }

  /** True once the peer has sent all it will. */
  get remoteEnded(): boolean {
    return this.#remote === "ended";
  }

  /** True once the peer will send nothing more, however that came. */
  get remoteDone(): boolean {
    return this.#remote !== "open";
  }

  /** Whether `takeData` would give something if the windows allow it. */
  get hasWork(): boolean {
    return !this.#over && !this.#localEnded && (this.#queue.length > 0 || this.#tail === "end");
  }

  // What the holder does.

  /** Sets who hears what happens; before the tick in which the stream was opened is over. */
  setHandler(handler: H2StreamHandler): void {
    this.#handler = handler;
  }

  /** Sends a head at once, or trailers (which end the stream) behind the data that waits. */
  sendHeaders(headers: readonly Header[], endStream: boolean): void {
    if (this.#over || this.#localEnded || this.#tail !== "open") return;
    if (this.#queue.length > 0) this.#tail = headers;
    else this.#sendHeadersNow(headers, endStream);
  }

  sendData(bytes: Uint8Array, endStream: boolean): void {
    if (this.#over || this.#localEnded || this.#tail !== "open") return;
    if (bytes.length > 0) this.#queue.push(bytes);
    if (endStream) this.#tail = "end";
    if (bytes.length > 0 || endStream) this.#host.wake(this);
  }

  /** Ends the stream now; what waits is dropped. */
  reset(code: number): void {
    if (this.#over) return;
    this.#host.sendReset(this, code);
    this.#finish();
  }

  /** Ends the stream once what waits has been sent. */
  resetAfterSend(code: number): void {
    if (this.#queue.length === 0 && (this.#tail === "open" || this.#localEnded)) this.reset(code);
    else this.#resetAfterQueue = code;
  }

  /** Says that bytes from `onData` are done with, so that the peer may send as many more. */
  grant(bytes: number): void {
    if (this.#over || bytes === 0) return;
    const increment = this.#window.take(bytes);
    if (increment > 0 && !this.remoteEnded) this.#host.sendWindowUpdate(this, increment);
  }

  // What its connection does.

  receiveHeaders(headers: readonly Header[], endStream: boolean): void {
    if (this.#over) return;
    if (this.remoteEnded) {
      this.violate(h2Codes.streamClosed, undefined);
      return;
    }
    if (endStream) this.#remote = "ended";
    this.#handler?.onHeaders(headers, endStream);
    this.#closeWhenDone();
  }

  receiveData(bytes: Uint8Array, paddingBytes: number, endStream: boolean): void {
    if (this.#over) return;
    if (this.remoteEnded || !this.#window.receive(bytes.length + paddingBytes)) {
      this.violate(this.remoteEnded ? h2Codes.streamClosed : h2Codes.flowControlError, undefined);
      return;
    }
    if (endStream) this.#remote = "ended";
    this.grant(paddingBytes);
    if (bytes.length > 0 || endStream) this.#handler?.onData(bytes, endStream);
    this.#closeWhenDone();
  }

  receiveReset(code: number): void {
    if (this.#remote === "open") this.#remote = "reset";
    this.fail({ code, refused: code === h2Codes.refusedStream, error: undefined });
  }

  /** Ends the stream without sending the peer anything. */
  fail(failure: StreamFailure): void {
    if (this.#over) return;
    this.#finish();
    this.#handler?.onFailure(failure);
  }

  /** The peer violated the protocol on this stream: the stream is reset and its holder notified. */
  violate(code: number, error: KtError | undefined): void {
    if (this.#over) return;
    this.reset(code);
    this.#handler?.onFailure({ code, refused: false, error });
    this.#host.noteViolation();
  }

  /** Widens the send window, or narrows it after a change of settings; false when it would overflow (RFC 9113 §6.9.1). */
  changeSendWindow(bytes: number): boolean {
    this.#sendWindowBytes += bytes;
    if (this.#sendWindowBytes > maxWindowBytes) return false;
    if (this.hasWork) this.#host.wake(this);
    return true;
  }

  /** Takes the next DATA frame's payload, at most `maxBytes`; undefined when there is nothing to send or no window for it. */
  takeData(maxBytes: number): OutgoingData | undefined {
    const first = this.#queue[0];
    if (!first) return this.#tail === "end" && !this.#localEnded ? this.#ended(nothing) : undefined;
    const length = Math.min(first.length, maxBytes, this.#sendWindowBytes);
    if (length <= 0) return undefined;
    this.#sendWindowBytes -= length;
    if (length < first.length) this.#queue[0] = first.subarray(length);
    else this.#queue.shift();
    const bytes = length < first.length ? first.subarray(0, length) : first;
    return this.#queue.length === 0 && this.#tail === "end" ? this.#ended(bytes) : { bytes, endStream: false };
  }

  /** Told after each frame that `takeData` gave was sent. */
  sentData({ bytes, endStream }: OutgoingData): void {
    if (bytes.length > 0) this.#handler?.onSent(bytes.length);
    if (this.#over || this.#queue.length > 0) return;
    if (typeof this.#tail !== "string" && !this.#localEnded) this.#sendHeadersNow(this.#tail, true);
    if (endStream) this.#closeWhenDone();
    if (this.#resetAfterQueue !== undefined) this.reset(this.#resetAfterQueue);
  }

  #ended(bytes: Uint8Array): OutgoingData {
    this.#localEnded = true;
    return { bytes, endStream: true };
  }

  #sendHeadersNow(headers: readonly Header[], endStream: boolean): void {
    this.#localEnded = endStream;
    this.#host.sendHeaders(this, headers, endStream);
    this.#closeWhenDone();
  }

  #closeWhenDone(): void {
    if (this.#localEnded && this.remoteEnded && !this.#over) this.#finish();
  }

  #finish(): void {
    this.#over = true;
    this.#queue = [];
    this.#host.retire(this);
  }
}
