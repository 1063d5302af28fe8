/** Masking keys for the frames of a WebSocket client (RFC 6455 §5.3). */

/** Keys are drawn in batches: each system call gives this many. */
const batch = 256;

const keys = new Uint32Array(batch);
let next = batch;

export function takeMask(): number {
  if (next === batch) {
    crypto.getRandomValues(keys);
    next = 0;
  }
  return keys[next++] ?? 0;
}
