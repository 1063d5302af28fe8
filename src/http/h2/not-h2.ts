/** The error for a peer that answers HTTP/2 in another protocol. */

import { KtError, type KtErrorOptions } from "#base/errors.ts";

/** A backend that was asked for HTTP/2 answers in something else, so it has not understood a request: it may be asked in HTTP/1. */
export class NotH2Error extends KtError {
  constructor(message: string, options: KtErrorOptions = {}) {
    super("backend-invalid", message, options);
  }
}
