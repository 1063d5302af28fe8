/** The stream on which an uplink says what it serves: lines of JSON, and empty ones as signs of life, both ways. */

import { ByteQueue } from "#base/bytes.ts";
import type { Clock } from "#base/clock.ts";
import type { Conn, ConnHandler } from "#base/conn.ts";
import { type KtError, toKtError } from "#base/errors.ts";
import { edgeLimits } from "#edge/limits.ts";
import { parseUplinkNews, type UplinkNews } from "#expose/host/edge-status.ts";

export interface NewsHandler {
  onNews(news: UplinkNews): void;
  /** Called once, also after `close`. */
  onLost(problem: string): void;
}

const newline = 0x0a;
const signOfLife = (): Uint8Array => Uint8Array.of(newline);

export class NewsStream implements ConnHandler {
  readonly #conn: Conn;
  readonly #clock: Clock;
  readonly #handler: NewsHandler;
  readonly #inbox = new ByteQueue(edgeLimits.newsLineBytes);
  #heardMs: number;
  #cancel = (): void => {};
  #isOver = false;

  /** Owns the Conn, whose request was answered. */
  constructor(conn: Conn, clock: Clock, handler: NewsHandler) {
    this.#conn = conn;
    this.#clock = clock;
    this.#handler = handler;
    this.#heardMs = clock.now();
    this.#tickLater();
    conn.start(this);
  }

  close(): void {
    this.#lose("it is not wanted any more");
  }

  onData(bytes: Uint8Array): void {
    this.#heardMs = this.#clock.now();
    try {
      this.#inbox.push(bytes);
      this.#readLines();
    } catch (error) {
      this.#lose(toKtError(error, "protocol", "read an uplink's news").message);
    }
  }

  onEnd(): void {
    this.#lose("it closed its stream of news");
  }

  onDrain(): void {}

  onClose(error: KtError | undefined): void {
    this.#lose(error ? `its stream of news broke off: ${error.message}` : "it closed its stream of news");
  }

  #readLines(): void {
    for (let end = this.#inbox.peek().indexOf(newline); end >= 0 && !this.#isOver; end = this.#inbox.peek().indexOf(newline)) {
      const line = new TextDecoder().decode(this.#inbox.take(end + 1)).trim();
      if (line !== "") this.#handler.onNews(parseUplinkNews(line));
    }
  }

  #tickLater(): void {
    this.#cancel = this.#clock.after(edgeLimits.newsLifeMs, () => {
      if (this.#clock.now() - this.#heardMs >= 2 * edgeLimits.newsLifeMs) {
        this.#lose("nothing was heard of it");
        return;
      }
      this.#conn.write(signOfLife());
      this.#tickLater();
    });
  }

  #lose(problem: string): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#cancel();
    this.#conn.abort();
    this.#handler.onLost(problem);
  }
}
