/** One connection to a target as a Conn: a pipe into a pod, which is tried on another one while nothing has come back. */

import type { Clock } from "#base/clock.ts";
import type { Conn, ConnHandler } from "#base/conn.ts";
import { KtError } from "#base/errors.ts";
import { sharedLimits } from "#base/limits.ts";
import { holdBackMs } from "./half-close.ts";
import type { Again, Attachment, Pipe, PipeListener } from "./pipe.ts";

export interface PodStreamHooks {
  readonly clock: Clock;
  /** The pod refused or was lost before its first byte: another attachment to try, or the error that the holder is told. */
  retry(failed: Attachment, error: KtError): Promise<Attachment>;
  /** The first byte came back: the pod works. */
  answered(attachment: Attachment): void;
  closed(attachment: Attachment): void;
}

export class PodStream implements Conn, PipeListener {
  readonly remoteAddress = undefined;
  readonly #hooks: PodStreamHooks;
  #at: Attachment;
  #pipe: Pipe;
  #handler: ConnHandler | undefined;
  /** Put back by `unread`, delivered before anything else. */
  #front: Uint8Array[] = [];
  #paused = true;
  #ended = false;
  #endedMs = 0;
  #sentMs: number | undefined;
  #receivedMs: number | undefined;
  #cancelEnd: (() => void) | undefined;
  #farEnded = false;
  #retrying = false;
  #closed: { readonly error: KtError | undefined } | undefined;
  /** All that was written while nothing has come back, so that another pod can get it; undefined once it is too much or too late. */
  #replay: Uint8Array[] | undefined = [];
  #replayBytes = 0;

  constructor(at: Attachment, hooks: PodStreamHooks) {
    this.#hooks = hooks;
    this.#at = at;
    this.#pipe = at.open(this);
    this.#pipe.pause();
  }

  get pod(): string {
    return this.#at.pod;
  }

  get appProtocol(): string | undefined {
    return this.#at.appProtocol;
  }

  get open(): boolean {
    return this.#closed === undefined && !this.#farEnded;
  }

  start(handler: ConnHandler): void {
    this.#handler = handler;
    if (this.#closed) {
      const { error } = this.#closed;
      queueMicrotask(() => handler.onClose(error));
      return;
    }
    this.resume();
  }

  unread(bytes: Uint8Array): void {
    if (bytes.length > 0) this.#front.unshift(bytes);
  }

  write(bytes: Uint8Array): boolean {
    if (this.#closed || this.#ended || bytes.length === 0) return true;
    this.#sentMs = this.#hooks.clock.now();
    this.#remember(bytes);
    return this.#retrying ? false : this.#pipe.write(bytes);
  }

  end(): void {
    if (this.#closed || this.#ended) return;
    this.#ended = true;
    this.#endedMs = this.#hooks.clock.now();
    this.#passEnd();
  }

  /** Passes the half-close on, now or when it does no harm. */
  #passEnd(): void {
    this.#cancelEnd?.();
    if (this.#closed || this.#retrying) return;
    const last = { endedMs: this.#endedMs, sentMs: this.#sentMs, receivedMs: this.#receivedMs };
    const waitMs = this.#farEnded || this.#pipe.halfCloses ? 0 : holdBackMs(last, this.#hooks.clock.now());
    if (waitMs <= 0) this.#pipe.end();
    else this.#cancelEnd = this.#hooks.clock.after(waitMs, () => this.#passEnd());
  }

  abort(): void {
    this.lose(undefined);
  }

  /** Ends both halves; the holder is told why. */
  lose(error: KtError | undefined): void {
    if (this.#closed) return;
    this.#pipe.abort();
    this.#close(error);
  }

  pause(): void {
    if (this.#paused) return;
    this.#paused = true;
    this.#pipe.pause();
  }

  resume(): void {
    if (!this.#paused || this.#closed || !this.#handler) return;
    this.#paused = false;
    while (this.#front.length > 0 && !this.#paused) this.#handler.onData(this.#front.shift() as Uint8Array);
    if (!this.#paused) this.#pipe.resume();
  }

  pipeData(bytes: Uint8Array): void {
    this.#receivedMs = this.#hooks.clock.now();
    if (this.#replay) {
      this.#replay = undefined;
      this.#hooks.answered(this.#at);
    }
    this.#handler?.onData(bytes);
  }

  pipeEnded(): void {
    this.#replay = undefined;
    this.#farEnded = true;
    this.#handler?.onEnd();
    if (this.#ended) this.#passEnd();
  }

  pipeClosed(): void {
    this.#close(undefined);
  }

  pipeDrained(): void {
    this.#handler?.onDrain();
  }

  #remember(bytes: Uint8Array): void {
    if (!this.#replay) return;
    this.#replayBytes += bytes.length;
    // Between two pods this is the only place where they are.
    if (this.#replayBytes > sharedLimits.replayBytes && !this.#retrying) this.#replay = undefined;
    else this.#replay.push(bytes);
  }

  /** What a program in the pod may have read is not sent to another: it could act on it twice. */
  pipeFailed(error: KtError, again: Again): void {
    if (this.#closed) return;
    if (!this.#replay || again === "never" || (again === "if-nothing-sent" && this.#pipe.hasSent)) {
      this.#close(error);
      return;
    }
    this.#retrying = true;
    this.#hooks.retry(this.#at, error).then(
      (next) => this.#attach(next),
      (final) => this.#close(final instanceof KtError ? final : error),
    );
  }

  #attach(next: Attachment): void {
    if (this.#closed) {
      next.drop();
      return;
    }
    this.#retrying = false;
    this.#at = next;
    this.#pipe = next.open(this);
    if (this.#paused) this.#pipe.pause();
    for (const bytes of this.#replay ?? []) this.#pipe.write(bytes);
    if (this.#replayBytes > sharedLimits.replayBytes) this.#replay = undefined;
    if (this.#ended) this.#passEnd();
    this.#handler?.onDrain();
  }

  #close(error: KtError | undefined): void {
    if (this.#closed) return;
    this.#closed = { error };
    this.#cancelEnd?.();
    this.#replay = undefined;
    this.#front = [];
    this.#hooks.closed(this.#at);
    this.#handler?.onClose(error);
  }
}
