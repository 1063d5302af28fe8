/** One connection to a target as a Conn: a pipe into a pod, which is tried on another pod while nothing has come back. */

import type { Clock } from "#base/clock.ts";
import type { Conn, ConnHandler } from "#base/conn.ts";
import { KtError } from "#base/errors.ts";
import { halfCloseInMs } from "./half-close.ts";
import type { Again, Pipe, PipeListener } from "./pipe.ts";
import { Replay } from "./replay.ts";
import type { Slot } from "./slot.ts";

export interface TargetConnHooks {
  readonly clock: Clock;
  /** The pod refused or was lost before its first byte: another slot to try, or the error that is reported. */
  retry(failed: Slot, error: KtError): Promise<Slot>;
  /** The first byte came back: the pod works. */
  answered(slot: Slot): void;
  closed(slot: Slot): void;
}

type State =
  | { readonly kind: "connected"; readonly pipe: Pipe }
  /** Between two pods. */
  | { readonly kind: "retrying" }
  | { readonly kind: "closed"; readonly error: KtError | undefined };

export class TargetConn implements Conn, PipeListener {
  readonly remoteAddress = undefined;
  readonly #hooks: TargetConnHooks;
  readonly #replay = new Replay();
  #slot: Slot;
  #state: State;
  #handler: ConnHandler | undefined;
  /** Put back by `unread`, delivered before anything else. */
  #front: Uint8Array[] = [];
  #paused = true;
  #podEnded = false;
  /** When the client ended its half; undefined while it has not. */
  #endedMs: number | undefined;
  #cancelEnd: (() => void) | undefined;
  /** When bytes last went each way. */
  #sentMs: number | undefined;
  #receivedMs: number | undefined;

  constructor(slot: Slot, hooks: TargetConnHooks) {
    this.#hooks = hooks;
    this.#slot = slot;
    const pipe = slot.open(this);
    this.#state = { kind: "connected", pipe };
    pipe.pause();
  }

  get pod(): string {
    return this.#slot.pod;
  }

  get appProtocol(): string | undefined {
    return this.#slot.appProtocol;
  }

  get open(): boolean {
    return this.#state.kind !== "closed" && !this.#podEnded;
  }

  start(handler: ConnHandler): void {
    this.#handler = handler;
    if (this.#state.kind === "closed") {
      const { error } = this.#state;
      queueMicrotask(() => handler.onClose(error));
      return;
    }
    this.resume();
  }

  unread(bytes: Uint8Array): void {
    if (bytes.length > 0) this.#front.unshift(bytes);
  }

  write(bytes: Uint8Array): boolean {
    const state = this.#state;
    if (state.kind === "closed" || this.#endedMs !== undefined || bytes.length === 0) return true;
    this.#sentMs = this.#hooks.clock.now();
    this.#replay.add(bytes, state.kind === "retrying");
    return state.kind === "connected" && state.pipe.write(bytes);
  }

  end(): void {
    if (this.#state.kind === "closed" || this.#endedMs !== undefined) return;
    this.#endedMs = this.#hooks.clock.now();
    this.#passEnd();
  }

  abort(): void {
    this.lose(undefined);
  }

  /** Ends both halves, and reports why. */
  lose(error: KtError | undefined): void {
    this.#pipe?.abort();
    this.#close(error);
  }

  pause(): void {
    if (this.#paused) return;
    this.#paused = true;
    this.#pipe?.pause();
  }

  resume(): void {
    if (!this.#paused || this.#state.kind === "closed" || !this.#handler) return;
    this.#paused = false;
    while (this.#front.length > 0 && !this.#paused) this.#handler.onData(this.#front.shift() as Uint8Array);
    if (!this.#paused) this.#pipe?.resume();
  }

  pipeData(bytes: Uint8Array): void {
    this.#receivedMs = this.#hooks.clock.now();
    if (this.#replay.isPossible) {
      this.#replay.drop();
      this.#hooks.answered(this.#slot);
    }
    this.#handler?.onData(bytes);
  }

  pipeEnded(): void {
    this.#replay.drop();
    this.#podEnded = true;
    this.#handler?.onEnd();
    this.#passEnd();
  }

  /** What a program in the pod may have read is not sent to another: it could act on it twice. */
  pipeFailed(error: KtError, again: Again): void {
    if (this.#state.kind !== "connected") return;
    const mayAct = again === "never" || (again === "if-nothing-sent" && this.#state.pipe.hasSent);
    if (mayAct || !this.#replay.isPossible) {
      this.#close(error);
      return;
    }
    this.#state = { kind: "retrying" };
    this.#hooks.retry(this.#slot, error).then(
      (slot) => this.#connect(slot),
      (final) => this.#close(final instanceof KtError ? final : error),
    );
  }

  pipeClosed(): void {
    this.#close(undefined);
  }

  pipeDrained(): void {
    this.#handler?.onDrain();
  }

  get #pipe(): Pipe | undefined {
    return this.#state.kind === "connected" ? this.#state.pipe : undefined;
  }

  /** Passes the client's half-close on, if there is one, now or when it does no harm. */
  #passEnd(): void {
    this.#cancelEnd?.();
    const pipe = this.#pipe;
    if (!pipe || this.#endedMs === undefined) return;
    const { clock } = this.#hooks;
    const last = { endedMs: this.#endedMs, sentMs: this.#sentMs, receivedMs: this.#receivedMs };
    const waitMs = this.#podEnded || pipe.halfCloses ? 0 : halfCloseInMs(last, clock.now());
    if (waitMs <= 0) pipe.end();
    else this.#cancelEnd = clock.after(waitMs, () => this.#passEnd());
  }

  /** Another pod takes the connection over, unless the client has given up. */
  #connect(slot: Slot): void {
    if (this.#state.kind === "closed") {
      slot.drop();
      return;
    }
    this.#slot = slot;
    const pipe = slot.open(this);
    this.#state = { kind: "connected", pipe };
    if (this.#paused) pipe.pause();
    this.#replay.writeTo((bytes) => pipe.write(bytes));
    this.#passEnd();
    this.#handler?.onDrain();
  }

  #close(error: KtError | undefined): void {
    if (this.#state.kind === "closed") return;
    this.#state = { kind: "closed", error };
    this.#cancelEnd?.();
    this.#replay.drop();
    this.#front = [];
    this.#hooks.closed(this.#slot);
    this.#handler?.onClose(error);
  }
}
