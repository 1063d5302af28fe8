/** Colours of a terminal. */

import type { Span } from "./text.ts";
import type { Tone } from "./tone.ts";
import type { Row } from "./wrap.ts";

/** SGR codes (ECMA-48 §8.3.117): one to begin, one to end. */
const codes: Readonly<Record<Tone, readonly [begin: number, end: number]>> = {
  bold: [1, 22],
  dim: [2, 22],
  red: [31, 39],
  green: [32, 39],
  yellow: [33, 39],
  cyan: [36, 39],
};

/** Without blanks at its end. */
export function paintRow(row: Row, coloured: boolean): string {
  return row
    .map((span) => paintSpan(span, coloured))
    .join("")
    .trimEnd();
}

export function paintSpan({ text, tone }: Span, coloured: boolean): string {
  if (!coloured || tone === undefined || text === "") return text;
  const [begin, end] = codes[tone];
  return `\u001b[${begin}m${text}\u001b[${end}m`;
}
