/** Holds the bytes of one HTTP/2 body against the content-length that its head announced (RFC 9113 §8.1.1). */

export class BodyLength {
  #leftBytes: number;

  /** Without an announcement every length is right. */
  constructor(announcedBytes: number | undefined) {
    this.#leftBytes = announcedBytes ?? Number.POSITIVE_INFINITY;
  }

  /** Counts what came; false once it is more than announced, or ends with less. */
  add(bytes: number, ended: boolean): boolean {
    this.#leftBytes -= bytes;
    return this.#leftBytes === 0 || this.#leftBytes === Number.POSITIVE_INFINITY || (this.#leftBytes > 0 && !ended);
  }
}
