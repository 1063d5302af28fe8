/** What the codec tests share: bytes in pieces, and the errors that codecs may throw. */

import { KtError } from "#base/errors.ts";

/** Cuts bytes at the given places, which are taken modulo their length. */
export function cut(bytes: Uint8Array, places: readonly number[]): Uint8Array[] {
  const at = [0, ...places.map((place) => place % (bytes.length + 1)).sort((a, b) => a - b), bytes.length];
  return at.slice(1).map((end, index) => bytes.subarray(at[index], end));
}

export function singleBytes(bytes: Uint8Array): Uint8Array[] {
  return [...bytes].map((byte) => Uint8Array.of(byte));
}

/** Runs what may throw KtError `protocol` and nothing else; returns its message, or undefined when all went well. */
export function protocolErrorOf(run: () => void): string | undefined {
  try {
    run();
    return undefined;
  } catch (error) {
    if (error instanceof KtError && error.code === "protocol") return error.message;
    throw error;
  }
}

/** Bytes in which a shift or a repetition shows. */
export function pattern(length: number): Uint8Array {
  return new Uint8Array(length).map((_, at) => (at * 31) ^ (at >> 8));
}
