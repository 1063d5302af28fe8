/** Follows a head through the pieces that it comes in, so that it is read once, when it is whole, and not with every piece. */

const lf = 10;
const cr = 13;

export class HeadEnd {
  /** Bytes of the line that goes on, other than its end. */
  #lineBytes = 0;
  #endsInCr = false;
  #hasLine = false;

  /** True once a head has ended: with an empty line that follows another line. */
  advance(bytes: Uint8Array): boolean {
    let from = 0;
    for (let end = bytes.indexOf(lf); end >= 0; end = bytes.indexOf(lf, from)) {
      this.#extend(bytes, from, end);
      const isEmpty = this.#lineBytes === 0 || (this.#lineBytes === 1 && this.#endsInCr);
      if (isEmpty && this.#hasLine) return true;
      this.#hasLine ||= !isEmpty;
      this.#lineBytes = 0;
      from = end + 1;
    }
    this.#extend(bytes, from, bytes.length);
    return false;
  }

  #extend(bytes: Uint8Array, from: number, to: number): void {
    if (to === from) return;
    this.#lineBytes += to - from;
    this.#endsInCr = bytes[to - 1] === cr;
  }
}
