/** A Conn that is still being connected: what is written meanwhile waits, and goes first. */

import type { Conn, ConnHandler } from "#base/conn.ts";
import type { KtError } from "#base/errors.ts";

export interface ConnectingOptions {
  /** Rejects with why it cannot connect. The signal ends the attempt. */
  readonly connect: (signal: AbortSignal) => Promise<Conn>;
  /** The same for people. */
  readonly explain: (error: unknown) => KtError;
}

export class ConnectingConn implements Conn {
  readonly remoteAddress = undefined;
  readonly #attempt = new AbortController();
  /** Written before there was a connection, oldest first. */
  #waiting: Uint8Array[] = [];
  #conn: Conn | undefined;
  #handler: ConnHandler | undefined;
  #isPaused = true;
  #hasEnded = false;
  #failed: { readonly error: KtError | undefined } | undefined;

  constructor({ connect, explain }: ConnectingOptions) {
    connect(this.#attempt.signal).then(
      (conn) => this.#connected(conn),
      (error: unknown) => this.#fail(this.#attempt.signal.aborted ? undefined : explain(error)),
    );
  }

  /** The address has accepted. */
  get isOpened(): boolean {
    return this.#conn !== undefined;
  }

  start(handler: ConnHandler): void {
    this.#handler = handler;
    this.#isPaused = false;
    if (this.#conn) this.#conn.start(handler);
    else if (this.#failed) {
      const { error } = this.#failed;
      queueMicrotask(() => handler.onClose(error));
    }
  }

  /** Nothing has arrived before it is connected. */
  unread(bytes: Uint8Array): void {
    this.#conn?.unread(bytes);
  }

  write(bytes: Uint8Array): boolean {
    if (this.#conn) return this.#conn.write(bytes);
    if (this.#failed || this.#hasEnded) return true;
    this.#waiting.push(bytes);
    return false;
  }

  end(): void {
    this.#hasEnded = true;
    this.#conn?.end();
  }

  abort(): void {
    this.#conn?.abort();
    this.#attempt.abort();
    this.#fail(undefined);
  }

  pause(): void {
    this.#isPaused = true;
    this.#conn?.pause();
  }

  resume(): void {
    this.#isPaused = false;
    this.#conn?.resume();
  }

  #connected(conn: Conn): void {
    if (this.#failed) {
      conn.abort();
      return;
    }
    this.#conn = conn;
    let hasRoom = true;
    for (const bytes of this.#waiting.splice(0)) hasRoom = conn.write(bytes);
    if (this.#hasEnded) conn.end();
    const handler = this.#handler;
    if (!handler) return;
    // It was made just now: nothing has arrived that a start would deliver to a holder that paused.
    conn.start(handler);
    if (this.#isPaused) conn.pause();
    if (hasRoom) handler.onDrain();
  }

  #fail(error: KtError | undefined): void {
    if (this.#failed || this.#conn) return;
    this.#failed = { error };
    this.#waiting = [];
    this.#handler?.onClose(error);
  }
}
