/** Which closed streams of a connection frames may still come on, and which were never opened: only those are forgiven, or not. */

import { httpLimits } from "#http/limits.ts";

/** Remembers exceptions only: a stream whose other end said that it was done costs nothing. */
export class LateStreams {
  /** Streams that we ended before their other end had; oldest first. */
  readonly #expected = new Set<number>();
  /** Ranges of identifiers that were passed over, without their ends; oldest first. Hardly any client leaves one out. */
  readonly #skipped: (readonly [after: number, before: number])[] = [];

  /** Frames on that stream may still come. */
  expect(streamId: number): void {
    this.#expected.add(streamId);
    if (this.#expected.size <= httpLimits.h2LateStreams) return;
    const [oldest] = this.#expected;
    if (oldest !== undefined) this.#expected.delete(oldest);
  }

  has(streamId: number): boolean {
    return this.#expected.has(streamId);
  }

  /** A stream was opened: those between it and the one before it never will be (RFC 9113 §5.1.1). */
  skip(previousId: number, streamId: number): void {
    if (streamId - previousId <= 2) return;
    this.#skipped.push([previousId, streamId]);
    if (this.#skipped.length > httpLimits.h2LateStreams) this.#skipped.shift();
  }

  wasSkipped(streamId: number): boolean {
    return this.#skipped.some(([after, before]) => streamId > after && streamId < before);
  }
}
