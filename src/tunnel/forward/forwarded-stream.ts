/** One connection within a session: a data stream and an error stream, how far each half of it is, and what is held back for its reader. */

import { ErrorText } from "#base/error-text.ts";
import type { SpdyDriver } from "#kube/stream/spdy-driver.ts";
import { UnreadBytes } from "#mux/unread-bytes.ts";
import { tunnelLimits } from "#tunnel/limits.ts";
import { HeldBack } from "#tunnel/pipe/held-back.ts";
import type { Pipe, PipeListener } from "#tunnel/pipe/pipe.ts";

/** How a forwarded stream notifies its session. */
export interface StreamOwner {
  /** The client ended its half; the pod's is still open. */
  clientEnded(stream: ForwardedStream): void;
  /** More came than the end of the stream, which had left. */
  returned(stream: ForwardedStream): void;
  /** The reader goes on; what was held back has been delivered. */
  resumed(stream: ForwardedStream): void;
  /** The client gives it up. */
  aborted(stream: ForwardedStream): void;
}

/** What the client sends. */
type Sending =
  | "open"
  | "ended"
  /** Ended, and most likely only the end of the other half comes: the session may carry others. */
  | "left";

/** What the pod sends. */
type Receiving =
  | { readonly kind: "open" }
  /** Its last byte came; the error stream says in a moment whether that was all. */
  | { readonly kind: "ended"; readonly atMs: number }
  /** And the listener knows. */
  | { readonly kind: "reported" };

type State = { readonly kind: "live"; readonly sending: Sending; readonly receiving: Receiving } | { readonly kind: "over" };

export interface ForwardedStreamOptions {
  readonly driver: SpdyDriver;
  readonly owner: StreamOwner;
  /** Stream ids. */
  readonly data: number;
  readonly error: number;
  /** Of the pod. */
  readonly port: number;
  readonly openedMs: number;
  readonly listener: PipeListener;
}

export class ForwardedStream implements Pipe {
  /** Container runtimes close both halves, see half-close.ts. */
  readonly halfCloses = false;
  readonly data: number;
  readonly error: number;
  readonly port: number;
  readonly openedMs: number;
  readonly listener: PipeListener;
  readonly #driver: SpdyDriver;
  readonly #owner: StreamOwner;
  readonly #held: HeldBack;
  readonly #unread = new UnreadBytes();
  #state: State = { kind: "live", sending: "open", receiving: { kind: "open" } };
  /** Streams of the two that the peer has not accepted. */
  readonly #unaccepted: Set<number>;
  readonly #error = new ErrorText();
  #errorEnded = false;

  constructor(options: ForwardedStreamOptions) {
    this.data = options.data;
    this.error = options.error;
    this.port = options.port;
    this.openedMs = options.openedMs;
    this.listener = options.listener;
    this.#driver = options.driver;
    this.#owner = options.owner;
    this.#unaccepted = new Set([options.data, options.error]);
    this.#held = new HeldBack((bytes) => this.listener.pipeData(bytes));
  }

  get hasSent(): boolean {
    return this.#unread.hasSent;
  }

  get heldBytes(): number {
    return this.#held.lengthBytes;
  }

  /** Why the forward failed; empty when it did not. */
  get errorText(): string {
    return this.#error.text;
  }

  /** Nothing is left to be said or reported, on either stream. */
  get isDone(): boolean {
    const state = this.#state;
    return state.kind === "live" && state.sending !== "open" && state.receiving.kind === "reported" && this.#errorEnded;
  }

  /** The session has closed it. */
  get isOver(): boolean {
    return this.#state.kind === "over";
  }

  /** See Sending. */
  get hasLeft(): boolean {
    return this.#state.kind === "live" && this.#state.sending === "left";
  }

  get isSending(): boolean {
    return this.#state.kind === "live" && this.#state.sending === "open";
  }

  /** The peer has accepted both streams. */
  get isAccepted(): boolean {
    return this.#unaccepted.size === 0;
  }

  /** Bytes of ours may block the peer's worker for good. */
  get mayBlock(): boolean {
    return this.#unread.mayBlock;
  }

  write(bytes: Uint8Array): boolean {
    if (this.isOver) return true;
    this.#unread.sent(bytes.length);
    return this.#driver.write(this.data, bytes);
  }

  end(): void {
    if (!this.isSending) return;
    this.#become({ sending: "ended" });
    this.#driver.end(this.data, "with-next");
    this.#owner.clientEnded(this);
  }

  abort(): void {
    if (!this.isOver) this.#owner.aborted(this);
  }

  pause(): void {
    if (!this.isOver) this.#held.pause();
  }

  resume(): void {
    if (!this.#held.resume()) return;
    this.#reportEnd();
    this.#owner.resumed(this);
  }

  /** For the session only, as the rest below. The client needs the session no longer. */
  leave(): void {
    this.#become({ sending: "left" });
  }

  /** Returns whether the bytes were delivered, not held back. */
  received(bytes: Uint8Array): boolean {
    if (this.hasLeft) this.stay();
    this.#unread.answered();
    return this.#held.push(bytes);
  }

  /** It needs the session again, if it had left. */
  stay(): void {
    if (!this.hasLeft) return;
    this.#become({ sending: "ended" });
    this.#owner.returned(this);
  }

  accepted(stream: number): void {
    this.#unaccepted.delete(stream);
  }

  /** It failed, or its session did: what was sent may not be read any more. */
  doubt(): void {
    this.#unread.doubt();
  }

  podEnded(nowMs: number): void {
    if (this.isSending) this.#unread.doubt();
    this.#become({ receiving: { kind: "ended", atMs: nowMs } });
    this.#reportEnd();
  }

  receivedError(bytes: Uint8Array): void {
    this.#error.add(bytes);
  }

  errorStreamEnded(): void {
    this.#errorEnded = true;
    if (this.errorText === "") this.#reportEnd();
  }

  /** Called about every second: an error stream that stays open does not keep the end from its reader for ever. */
  tick(nowMs: number): void {
    if (this.#state.kind === "over" || this.#state.receiving.kind !== "ended" || this.#errorEnded) return;
    if (nowMs - this.#state.receiving.atMs >= tunnelLimits.errorStreamMs) this.errorStreamEnded();
  }

  /** Nothing more comes, and nothing is held. */
  close(): void {
    this.#state = { kind: "over" };
    this.#held.clear();
  }

  #become(next: Partial<Extract<State, { kind: "live" }>>): void {
    if (this.#state.kind === "live") this.#state = { ...this.#state, ...next };
  }

  /** The runtime closes the data stream first and says why on the error stream a moment later: the end waits for that. */
  #reportEnd(): void {
    if (this.#state.kind === "over" || this.#state.receiving.kind !== "ended" || !this.#errorEnded || this.#held.isPaused) return;
    this.#become({ receiving: { kind: "reported" } });
    this.listener.pipeEnded();
  }
}
