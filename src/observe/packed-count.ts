/** Counts in 16 bits, for what is kept by the million: exact below 4096, and off by less than 0.025 % above, up to 4.4 · 10¹². Pure. */

const mantissaBits = 11;
/** As many counts have the same spacing. */
const span = 2 ** mantissaBits;
const greatest = 2 ** 16 - 1;

/** The code of a count; of one that is too great, the greatest. A greater count never has a smaller code. */
export function packCount(count: number): number {
  const whole = Math.round(count);
  if (whole < 2 * span) return Math.max(0, whole);
  const exponent = Math.floor(Math.log2(whole)) - mantissaBits;
  return Math.min(greatest, exponent * span + Math.round(whole / 2 ** exponent));
}

/** The count of a code. */
export function unpackCount(code: number): number {
  const exponent = Math.floor(code / span) - 1;
  return exponent <= 0 ? code : (span + (code % span)) * 2 ** exponent;
}
