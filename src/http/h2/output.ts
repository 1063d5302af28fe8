/** Collects the frames of one tick into few writes, and knows when the peer accepts no more. */

import { concatBytes } from "#base/bytes.ts";
import type { Conn } from "#base/conn.ts";
import { httpLimits } from "#http/limits.ts";
import { H2Error, h2Codes } from "#wire/h2-frame.ts";

/** Chunks from this size on are passed by reference; smaller ones are cheaper to copy together than to write one by one. */
const referenceBytes = 32 * 1024;
/** Frames are handed on in writes of about this size. */
const batchBytes = 128 * 1024;

export class H2Output {
  readonly #conn: Conn;
  #parts: Uint8Array[] = [];
  #partsBytes = 0;
  #blocked = false;

  constructor(conn: Conn) {
    this.#conn = conn;
  }

  /** False while DATA should wait. */
  get writable(): boolean {
    return !this.#blocked;
  }

  /** Adds bytes that the caller does not change afterwards. Throws H2Error when a peer that does not read makes us buffer too much. */
  push(bytes: Uint8Array): void {
    this.#parts.push(bytes);
    this.#partsBytes += bytes.length;
    if (this.#blocked && this.#partsBytes > httpLimits.h2PendingBytes) {
      throw new H2Error(h2Codes.enhanceYourCalm, "the peer sends what must be answered and does not read the answers");
    }
    if (!this.#blocked && this.#partsBytes >= batchBytes) this.flush();
  }

  /** Writes what was collected, unless the connection is blocked. */
  flush(): void {
    if (this.#blocked || this.#parts.length === 0) return;
    const parts = this.#parts;
    this.#parts = [];
    this.#partsBytes = 0;
    let from = 0;
    for (const [index, part] of parts.entries()) {
      if (part.length < referenceBytes) continue;
      if (index > from) this.#write(concatBytes(parts.slice(from, index)));
      this.#write(part);
      from = index + 1;
    }
    if (from < parts.length) this.#write(concatBytes(parts.slice(from)));
  }

  /** The connection takes bytes again. */
  drained(): void {
    this.#blocked = false;
    this.flush();
  }

  /** Writes everything, blocked or not, and closes our half. */
  end(): void {
    this.#blocked = false;
    this.flush();
    this.#conn.end();
  }

  #write(bytes: Uint8Array): void {
    if (!this.#conn.write(bytes)) this.#blocked = true;
  }
}
