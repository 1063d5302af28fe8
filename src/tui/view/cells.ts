/** Text in columns of a terminal: cut and padded to an exact width, by what a reader sees as characters (UAX #29). Pure. */

import { stringWidth } from "bun";
import { type Span, spansOf, type Text } from "#base/text.ts";

const segmenter = new Intl.Segmenter(undefined, { granularity: "grapheme" });
const plain = /^[\x20-\x7e]*$/;

/** Exactly so many columns: what is longer ends with an ellipsis, what is shorter with blanks. */
export function cell(text: Text, columns: number, side: "left" | "right" = "left"): Span[] {
  const kept = cut(text, columns);
  const blanks = { text: " ".repeat(Math.max(0, columns - widthOfSpans(kept))) };
  return side === "left" ? [...kept, blanks] : [blanks, ...kept];
}

/** At most so many columns. */
export function cut(text: Text, columns: number): Span[] {
  const spans = spansOf(text);
  if (widthOfSpans(spans) <= columns) return spans;
  const kept: Span[] = [];
  let room = Math.max(0, columns - 1);
  for (const span of spans) {
    const head = beginningOf(span.text, room);
    kept.push({ ...span, text: head });
    room -= widthOfText(head);
    if (head.length < span.text.length) break;
  }
  return columns > 0 ? [...kept, { text: "…" }] : [];
}

export function widthOfSpans(spans: readonly Span[]): number {
  return spans.reduce((width, { text }) => width + widthOfText(text), 0);
}

function widthOfText(text: string): number {
  return plain.test(text) ? text.length : stringWidth(text);
}

/** The part of its beginning that fits. */
function beginningOf(text: string, columns: number): string {
  if (plain.test(text)) return text.slice(0, columns);
  let width = 0;
  let end = 0;
  for (const { segment } of segmenter.segment(text)) {
    width += stringWidth(segment);
    if (width > columns) break;
    end += segment.length;
  }
  return text.slice(0, end);
}
