/** Breaks lines at words to the width of a terminal. */

import { stringWidth } from "bun";
import { type Line, type Span, spansOf, widthOf } from "./text.ts";

/** What fits one row of the terminal. */
export type Row = readonly Span[];

/** One character with its tone. */
interface Glyph extends Span {
  readonly width: number;
  /** A blank that may become the end of a row. */
  readonly isBreak: boolean;
}

/** A command goes on behind a backslash. */
const continued: Span = { text: " \\" };

/** Words are broken only where one alone is wider than the terminal. */
export function wrapped({ text, hang, isCommand = false }: Line, columns: number): Row[] {
  const spans = spansOf(text);
  if (widthOf(spans) <= columns) return [spans];
  const glyphs = glyphsOf(spans, isCommand);
  // What begins far to the right would leave no room to go on there.
  const indent = Math.min(hang, Math.floor(columns / 2));
  const rows: Row[] = [];
  for (let at = 0; at < glyphs.length; ) {
    const isFirst = rows.length === 0;
    const room = columns - (isFirst ? 0 : indent) - (isCommand ? continued.text.length : 0);
    const { end, next } = rowFrom(glyphs, at, room, isFirst);
    const endMark = isCommand && next < glyphs.length && glyphs[end]?.isBreak === true ? [continued] : [];
    rows.push([...(isFirst ? [] : [{ text: " ".repeat(indent) }]), ...joined(glyphs.slice(at, end)), ...endMark]);
    at = next;
  }
  return rows;
}

function glyphsOf(spans: readonly Span[], isCommand: boolean): Glyph[] {
  let quote = "";
  return spans.flatMap((span) =>
    [...span.text].map((text) => {
      // Between quotes a blank belongs to a word of the command.
      if (isCommand && (text === "'" || text === '"') && (quote === "" || quote === text)) quote = quote === "" ? text : "";
      return { ...span, text, width: stringWidth(text), isBreak: text === " " && quote === "" };
    }),
  );
}

/** Where the row ends, and where the next one begins: behind the blanks between them. */
function rowFrom(glyphs: readonly Glyph[], from: number, room: number, isFirst: boolean): { end: number; next: number } {
  let width = 0;
  let at = from;
  while (at < glyphs.length && (at === from || width + (glyphs[at]?.width ?? 0) <= room)) width += glyphs[at++]?.width ?? 0;
  if (at === glyphs.length) return { end: at, next: at };
  const end = lastBreak(glyphs, firstWord(glyphs, from, isFirst), at) ?? at;
  let next = end;
  while (glyphs[next]?.isBreak === true) next++;
  return { end, next };
}

/** The blanks that a line begins with are no place to break it. */
function firstWord(glyphs: readonly Glyph[], from: number, isFirst: boolean): number {
  let at = from;
  while (isFirst && glyphs[at]?.isBreak === true) at++;
  return at;
}

function lastBreak(glyphs: readonly Glyph[], from: number, to: number): number | undefined {
  let at = to;
  while (at > from && glyphs[at]?.isBreak !== true) at--;
  if (at <= from) return undefined;
  while (glyphs[at - 1]?.isBreak === true) at--;
  return at > from ? at : undefined;
}

/** Neighbours of one tone as one piece. */
function joined(glyphs: readonly Glyph[]): Span[] {
  const spans: { text: string; tone?: Span["tone"] }[] = [];
  for (const { text, tone } of glyphs) {
    const last = spans.at(-1);
    if (last && last.tone === tone) last.text += text;
    else spans.push(tone === undefined ? { text } : { text, tone });
  }
  return spans as Span[];
}
