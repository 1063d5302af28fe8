/** DNS messages on a stream: each with its length before it, in two bytes (RFC 1035 §4.2.2). */

import type { ByteQueue } from "#base/bytes.ts";

export function framed(message: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(2 + message.length);
  bytes.set([message.length >> 8, message.length & 255]);
  bytes.set(message, 2);
  return bytes;
}

/** Of the message that comes next; undefined until that is known. */
export function framedLength(bytes: ByteQueue): number | undefined {
  const [high, low] = bytes.peek();
  return high === undefined || low === undefined ? undefined : high * 256 + low;
}

/** Takes the next whole message out of what has arrived. */
export function takeFramed(bytes: ByteQueue): Uint8Array | undefined {
  const length = framedLength(bytes);
  return length === undefined || bytes.length < 2 + length ? undefined : bytes.take(2 + length).subarray(2);
}
