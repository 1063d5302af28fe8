/** Durations as Go reads them: `30s`, `1h30m`, `.5s`, `500ms`. Pure. */

/** Units in nanoseconds. */
const units: Readonly<Record<string, bigint>> = {
  ns: 1n,
  us: 1000n,
  "\u00b5s": 1000n, // the micro sign
  "\u03bcs": 1000n, // the Greek letter
  ms: 1_000_000n,
  s: 1_000_000_000n,
  m: 60_000_000_000n,
  h: 3_600_000_000_000n,
};

/** Go counts in 64 bits with a sign. */
const mostNs = 2n ** 63n - 1n;

const number = "([0-9]+([.][0-9]*)?|[.][0-9]+)";

/** In the syntax that JavaScript, Go and CEL share. */
export const goDurationPattern = `^[-+]?(0|(${number}(ns|us|\u00b5s|\u03bcs|ms|s|m|h))+)$`;

const whole = new RegExp(goDurationPattern);
const part = /([0-9]*)\.?([0-9]*)(ns|us|\u00b5s|\u03bcs|ms|s|m|h)/g;

/** In milliseconds, down to a millionth. Undefined for what Go would refuse. */
export function parseGoDuration(text: string): number | undefined {
  if (!whole.test(text)) return undefined;
  let sumNs = 0n;
  for (const [, before = "", after = "", unit = ""] of text.matchAll(part)) sumNs += partNs(before, after, units[unit] ?? 0n);
  if (sumNs > mostNs) return undefined;
  return (text.startsWith("-") ? -1 : 1) * (Number(sumNs) / 1_000_000);
}

/** Of a fraction that is finer than a nanosecond the rest is dropped. */
function partNs(before: string, after: string, unitNs: bigint): bigint {
  const fraction = after === "" ? 0n : (BigInt(after) * unitNs) / 10n ** BigInt(after.length);
  return BigInt(before === "" ? "0" : before) * unitNs + fraction;
}
