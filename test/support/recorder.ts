/** A ConnHandler that records what it hears and lets tests await it. */

import { concatBytes } from "#base/bytes.ts";
import type { Conn, ConnHandler } from "#base/conn.ts";
import type { KtError } from "#base/errors.ts";

/** Attaches to a Conn and keeps everything. */
export class Recorder implements ConnHandler {
  readonly conn: Conn;
  readonly events: string[] = [];
  #chunks: Uint8Array[] = [];
  #length = 0;
  #changed = Promise.withResolvers<void>();
  ended = false;
  closed = false;
  error: KtError | undefined;

  constructor(conn: Conn, start = true) {
    this.conn = conn;
    if (start) conn.start(this);
  }

  onData(bytes: Uint8Array): void {
    this.#chunks.push(bytes);
    this.#length += bytes.length;
    this.#note("data");
  }

  onEnd(): void {
    this.ended = true;
    this.#note("end");
  }

  onDrain(): void {
    this.#note("drain");
  }

  onClose(error: KtError | undefined): void {
    this.closed = true;
    this.error = error;
    this.#note("close");
  }

  get length(): number {
    return this.#length;
  }

  bytes(): Uint8Array {
    return concatBytes(this.#chunks);
  }

  text(): string {
    return new TextDecoder().decode(this.bytes());
  }

  write(text: string): boolean {
    return this.conn.write(new TextEncoder().encode(text));
  }

  /** Resolves once `condition` holds; it is looked at after every event. */
  async until(condition: () => boolean): Promise<void> {
    while (!condition()) await this.#changed.promise;
  }

  untilText(text: string): Promise<void> {
    return this.until(() => this.text().includes(text));
  }

  untilEnd(): Promise<void> {
    return this.until(() => this.ended || this.closed);
  }

  untilClosed(): Promise<void> {
    return this.until(() => this.closed);
  }

  untilEvent(name: string): Promise<void> {
    return this.until(() => this.events.includes(name));
  }

  #note(event: string): void {
    this.events.push(event);
    const changed = this.#changed;
    this.#changed = Promise.withResolvers<void>();
    changed.resolve();
  }
}
