/** The streams on which an uplink says to its edge what it serves, at once and at each change. */

import type { Clock } from "#base/clock.ts";
import type { Conn, ConnHandler } from "#base/conn.ts";
import type { UplinkNews } from "#expose/host/edge-status.ts";
import { encodeUplinkAnswer } from "#wire/uplink-frame.ts";
import { uplinkLimits } from "#uplink/limits.ts";
import { refuseStream } from "./refusal.ts";

const lineEnd = new TextEncoder().encode("\n");

/** One edge that listens. Whatever it sends is a sign of life. */
class NewsStream implements ConnHandler {
  readonly #conn: Conn;
  readonly #clock: Clock;
  readonly #news: () => Uint8Array;
  readonly #onOver: () => void;
  #heardMs: number;
  #cancelTick = (): void => {};
  /** What was written last has not left yet. */
  #isFull = false;
  /** There is news that was not written, since the former has not left. */
  #isLate = false;

  constructor(conn: Conn, clock: Clock, news: () => Uint8Array, onOver: () => void) {
    this.#conn = conn;
    this.#clock = clock;
    this.#news = news;
    this.#onOver = onOver;
    this.#heardMs = clock.now();
    conn.start(this);
    conn.write(encodeUplinkAnswer("opened"));
    this.tell();
    this.#tickLater();
  }

  /** Only the newest news counts: what an edge that does not read has missed is left out. */
  tell(): void {
    this.#isLate = this.#isFull;
    if (!this.#isFull) this.#write(this.#news());
  }

  end(): void {
    this.#cancelTick();
    this.#conn.end();
  }

  onData(): void {
    this.#heardMs = this.#clock.now();
  }

  onEnd(): void {
    this.end();
  }

  onDrain(): void {
    this.#isFull = false;
    if (this.#isLate) this.tell();
  }

  onClose(): void {
    this.#cancelTick();
    this.#onOver();
  }

  #write(bytes: Uint8Array): void {
    this.#isFull = !this.#conn.write(bytes);
  }

  #tickLater(): void {
    this.#cancelTick = this.#clock.after(uplinkLimits.newsSignMs, () => {
      if (this.#clock.now() - this.#heardMs > uplinkLimits.newsSilenceMs) return this.#conn.abort();
      if (!this.#isFull) this.#write(lineEnd);
      this.#tickLater();
    });
  }
}

export class NewsStreams {
  readonly #clock: Clock;
  readonly #now: () => UplinkNews;
  readonly #streams = new Set<NewsStream>();

  /** `now`: what is said to an edge that begins to listen. */
  constructor(clock: Clock, now: () => UplinkNews) {
    this.#clock = clock;
    this.#now = now;
  }

  get size(): number {
    return this.#streams.size;
  }

  /** Owns the Conn. */
  serve(conn: Conn): void {
    if (this.#streams.size < uplinkLimits.newsStreams) this.#begin(conn);
    else refuseStream(conn, "overloaded", this.#clock);
  }

  #begin(conn: Conn): void {
    const line = (): Uint8Array => new TextEncoder().encode(`${JSON.stringify(this.#now())}\n`);
    const stream: NewsStream = new NewsStream(conn, this.#clock, line, () => this.#streams.delete(stream));
    this.#streams.add(stream);
  }

  /** There is news. */
  tell(): void {
    for (const stream of this.#streams) stream.tell();
  }

  close(): void {
    for (const stream of this.#streams) stream.end();
  }
}
