/** Numbers of 48 bits that cannot be guessed: they name the sessions of UDP between an edge and its uplinks. */

const words = new Uint16Array(3 * 256);
let used = words.length;

/** Drawn in advance, since a flood of new clients asks for many. */
export function randomId(): number {
  if (used === words.length) {
    crypto.getRandomValues(words);
    used = 0;
  }
  const [high, middle, low] = words.subarray(used, used + 3) as unknown as [number, number, number];
  used += 3;
  return high * 2 ** 32 + middle * 2 ** 16 + low;
}
