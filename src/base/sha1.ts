/** SHA-1, by which the two ends of a WebSocket know each other (RFC 6455 §4.2.2). */

import { CryptoHasher } from "bun";

export function sha1(text: string): Uint8Array {
  return new CryptoHasher("sha1").update(text).digest();
}
