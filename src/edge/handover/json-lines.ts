/** Lines of JSON over a Conn, sent and awaited in turn: what two instances of an edge say to each other. */

import { ByteQueue } from "#base/bytes.ts";
import type { Clock } from "#base/clock.ts";
import type { Conn, ConnHandler } from "#base/conn.ts";
import { KtError, messageOf } from "#base/errors.ts";
import { edgeLimits } from "#edge/limits.ts";

const newline = 0x0a;

export class JsonLines implements ConnHandler {
  readonly #conn: Conn;
  readonly #clock: Clock;
  readonly #inbox = new ByteQueue(edgeLimits.handOverBytes);
  /** How far the inbox has no line's end. */
  #searched = 0;
  #error: KtError | undefined;
  #arrived = Promise.withResolvers<void>();

  /** Owns the Conn. */
  constructor(conn: Conn, clock: Clock) {
    this.#conn = conn;
    this.#clock = clock;
    conn.start(this);
  }

  send(value: unknown): void {
    this.#conn.write(Buffer.from(`${JSON.stringify(value)}\n`));
  }

  /** The next line. Rejects with a KtError where none comes in time. */
  async next(withinMs: number): Promise<unknown> {
    const cancel = this.#clock.after(withinMs, () => this.#fail(new KtError("answer-timeout", `said nothing within ${withinMs} ms`)));
    try {
      for (;;) {
        const line = this.#line();
        if (line !== undefined) return JSON.parse(line);
        if (this.#error) throw this.#error;
        await this.#arrived.promise;
      }
    } catch (error) {
      throw error instanceof KtError ? error : new KtError("protocol", messageOf(error), { cause: error });
    } finally {
      cancel();
    }
  }

  /** Resolves once the peer has closed, or after this time. */
  async ended(withinMs: number): Promise<void> {
    await this.next(withinMs).catch(() => {});
  }

  /** What was sent still goes out. */
  close(): void {
    this.#conn.end();
  }

  onData(bytes: Uint8Array): void {
    try {
      this.#inbox.push(bytes);
      this.#wake();
    } catch (error) {
      this.#fail(new KtError("protocol", messageOf(error), { cause: error }));
      this.#conn.abort();
    }
  }

  onEnd(): void {
    this.#fail(new KtError("connection-lost", "has gone"));
    this.#conn.end();
  }

  onDrain(): void {}

  onClose(error: KtError | undefined): void {
    this.#fail(error ?? new KtError("connection-lost", "has gone"));
  }

  #line(): string | undefined {
    const bytes = this.#inbox.peek();
    const end = bytes.indexOf(newline, this.#searched);
    this.#searched = end < 0 ? bytes.length : 0;
    return end < 0 ? undefined : new TextDecoder().decode(this.#inbox.take(end + 1));
  }

  #fail(error: KtError): void {
    this.#error ??= error;
    this.#wake();
  }

  #wake(): void {
    this.#arrived.resolve();
    this.#arrived = Promise.withResolvers();
  }
}
