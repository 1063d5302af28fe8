/** A request head that is not whole yet: when it is worth another look, and how long it may take. */

import type { Clock } from "#base/clock.ts";
import { KtError } from "#base/errors.ts";
import { proxyLimits } from "#proxy/limits.ts";
import { wireLimits } from "#wire/limits.ts";
import { HeadEnd } from "#wire/head-end.ts";

const cr = 13;
const lf = 10;

/** Empty lines before a request are none of it, and may be all that comes for a long time. */
export function beginsHead(bytes: Uint8Array): boolean {
  return bytes.some((byte) => byte !== cr && byte !== lf);
}

export class PartialHead {
  readonly #end = new HeadEnd();
  readonly #cancelTimeout: () => void;
  #bytes = 0;
  #hasLine = false;

  constructor(bytes: Uint8Array, clock: Clock, onLate: (error: KtError) => void) {
    this.#cancelTimeout = clock.after(proxyLimits.peekTimeoutMs, () => onLate(late()));
    this.add(bytes);
  }

  /** True when these bytes end its first line or all of it, or make it longer than any may be. */
  add(bytes: Uint8Array): boolean {
    const isWhole = this.#end.advance(bytes);
    const endsLine = !this.#hasLine && bytes.includes(lf);
    this.#hasLine ||= endsLine;
    this.#bytes += bytes.length;
    return isWhole || endsLine || this.#bytes > wireLimits.httpHeadBytes;
  }

  /** It is whole, or will never be. */
  settle(): void {
    this.#cancelTimeout();
  }
}

function late(): KtError {
  return new KtError("request-invalid", `the request's head was not complete within ${proxyLimits.peekTimeoutMs / 1000} s`);
}
