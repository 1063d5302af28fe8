/** The Conn contract: bytes both ways, back-pressure, half-close, abort, and who owns what. */

import type { KtError } from "./errors.ts";

/**
 * One reliable byte stream, both ways: a TCP socket, a TLS session, a stream of a port-forward session, a pair in memory.
 *
 * Ownership: the holder of a Conn must end its own half with `end()` and let the peer's half end, or with `abort()`.
 * A Conn is handed over whole: after passing it on, the former holder never touches it again.
 *
 * Order of events for the handler: `onData` any number of times, `onEnd` at most once, `onClose` exactly once and last.
 * A fresh Conn is paused: nothing is delivered before `start`, so no byte is lost while the holder decides what to do.
 */
export interface Conn {
  /** The peer's address, for logs and `X-Forwarded-For`; undefined where the transport has no address. */
  readonly remoteAddress: string | undefined;

  /**
   * Sets the one handler and begins (or goes on with) delivery, perhaps before it returns. A second call hands the Conn to a
   * new handler. If the Conn has closed already, `onClose` is called in a microtask.
   */
  start(handler: ConnHandler): void;

  /**
   * Puts bytes back in front, to be delivered first by the next `start`: for a holder that read more than it needed before it
   * hands the Conn on. Only while paused.
   */
  unread(bytes: Uint8Array): void;

  /**
   * Takes all of `bytes`, which the caller must not change afterwards. Returns false when they could not be handed on at
   * once: the caller should stop until `onDrain`. Writing on regardless is allowed and buffers without bound. After `end`,
   * `abort` or close, bytes are dropped and the answer is true.
   */
  write(bytes: Uint8Array): boolean;

  /** Closes our half after everything written has been sent; the far half stays open. Calling it twice is harmless. */
  end(): void;

  /** Ends both halves now, with a reset where the transport knows one; what was written may be lost. Harmless when closed. */
  abort(): void;

  /** Stops `onData` and `onEnd` (at once: no further call is made from within the same read); `onClose` still comes. */
  pause(): void;
  /** Goes on after `pause`. */
  resume(): void;
}

/** What the holder of a Conn hears. No method may throw; none may be async. */
export interface ConnHandler {
  /** Bytes arrived. They are the callee's from now on, to keep and to change. */
  onData(bytes: Uint8Array): void;
  /** The peer closed its half; nothing more will arrive. Our half stays open. */
  onEnd(): void;
  /** What `write` could not hand on is on its way; writing may go on. */
  onDrain(): void;
  /** Both halves are over. `error` says why when it was not an orderly end; undefined after `end` on both sides. */
  onClose(error: KtError | undefined): void;
}
