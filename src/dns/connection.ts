/** A client's TCP connection: questions one behind the other, each answered as soon as that can be (RFC 7766 §6). */

import { ByteQueue } from "#base/bytes.ts";
import type { Clock } from "#base/clock.ts";
import type { Conn, ConnHandler } from "#base/conn.ts";
import { framed, framedLength, takeFramed } from "#wire/dns-frame.ts";
import { dnsLimits } from "./limits.ts";

export interface ConnectionOptions {
  readonly clock: Clock;
  /** Undefined for what gets no answer. */
  readonly respond: (message: Uint8Array) => Uint8Array | Promise<Uint8Array> | undefined;
  readonly onClosed: () => void;
}

export class DnsConnection implements ConnHandler {
  readonly #conn: Conn;
  readonly #options: ConnectionOptions;
  readonly #bytes = new ByteQueue();
  #unanswered = 0;
  #hasEnded = false;
  /** The client does not read what it asked for. */
  #isFull = false;
  #cancelIdle = (): void => {};

  constructor(conn: Conn, options: ConnectionOptions) {
    this.#conn = conn;
    this.#options = options;
  }

  get isIdle(): boolean {
    return this.#unanswered === 0;
  }

  begin(): void {
    this.#waitIdle();
    this.#conn.start(this);
  }

  abort(): void {
    this.#conn.abort();
  }

  onData(bytes: Uint8Array): void {
    this.#bytes.push(bytes);
    this.#waitIdle();
    this.#takeQuestions();
  }

  onEnd(): void {
    this.#hasEnded = true;
    this.#takeQuestions();
  }

  onDrain(): void {
    this.#isFull = false;
    this.#waitIdle();
    this.#takeQuestions();
  }

  onClose(): void {
    this.#cancelIdle();
    this.#options.onClosed();
  }

  #takeQuestions(): void {
    while (!this.#isFull && this.#unanswered < dnsLimits.questionsPerConnection) {
      const message = takeFramed(this.#bytes);
      if (message === undefined) break;
      this.#ask(message);
    }
    if ((framedLength(this.#bytes) ?? 0) > dnsLimits.queryBytes) this.abort();
    if (this.#bytes.length > dnsLimits.queryBytes) this.#conn.pause();
    else this.#conn.resume();
    if (this.#hasEnded && !this.#isFull && this.isIdle) this.#conn.end();
  }

  #ask(message: Uint8Array): void {
    const reply = message.length > dnsLimits.queryBytes ? undefined : this.#options.respond(message);
    if (reply instanceof Promise) void this.#answerLater(reply);
    else if (reply !== undefined) this.#write(reply);
  }

  async #answerLater(reply: Promise<Uint8Array>): Promise<void> {
    this.#unanswered += 1;
    this.#write(await reply);
    this.#unanswered -= 1;
    this.#takeQuestions();
  }

  #write(reply: Uint8Array): void {
    if (!this.#conn.write(framed(reply))) this.#isFull = true;
  }

  #waitIdle(): void {
    this.#cancelIdle();
    this.#cancelIdle = this.#options.clock.after(dnsLimits.idleConnectionMs, () => this.abort());
  }
}
