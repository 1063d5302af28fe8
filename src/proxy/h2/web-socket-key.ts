/** The key by which an HTTP/1 backend shows that it opened a WebSocket (RFC 6455 §4.1): HTTP/2 has none, so kt makes it. */

import { sha1 } from "#base/sha1.ts";
import type { Header } from "#wire/http-head.ts";
import { wsAccept } from "#wire/ws-frame.ts";

const keyBytes = 16;

export class WebSocketKey {
  readonly #key = Buffer.from(crypto.getRandomValues(new Uint8Array(keyBytes))).toString("base64");

  /** For the request. */
  get field(): Header {
    return ["Sec-WebSocket-Key", this.#key];
  }

  /** Whether the response's `Sec-WebSocket-Accept` is the one for this key. */
  isAnsweredBy(accept: string | undefined): boolean {
    return accept?.trim() === wsAccept(this.#key, sha1);
  }
}
