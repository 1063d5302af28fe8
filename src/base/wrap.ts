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
  /** What kind of quotes a shell is in after it. */
  readonly inside: Inside;
}

/** Quotes of a command, or a backslash that takes the next character as it is. */
type Inside = "" | "'" | '"' | "\\";

/** How a row ends and the next one begins. */
interface Joint {
  readonly end: string;
  readonly start: string;
}

/** Between the words of a command: it goes on behind a backslash. */
const betweenWords = " \\";

/** Words are broken only where one alone is wider than the terminal. */
export function wrapped({ text, hang, isCommand = false }: Line, columns: number): Row[] {
  const spans = spansOf(text);
  if (widthOf(spans) <= columns) return [spans];
  // What begins far to the right would leave no room to go on there.
  const most = Math.floor(columns / 2);
  const indent = " ".repeat(Math.min(hang, most));
  const glyphs = nearerToTheLeft(glyphsOf(spans, isCommand), most);
  const rows: Row[] = [];
  let start = "";
  for (let at = 0; at < glyphs.length; ) {
    const room = columns - start.length - (isCommand ? betweenWords.length : 0);
    const { end, next } = rowFrom(glyphs, at, room, rows.length === 0);
    const joint = next < glyphs.length ? jointAt(glyphs, end, isCommand, indent) : { end: "", start: "" };
    rows.push([...spanOf(start, rows.length > 0), ...joined(glyphs.slice(at, end)), ...spanOf(joint.end, joint.end !== "")]);
    start = joint.start;
    at = next;
  }
  return rows;
}

const spanOf = (text: string, isThere: boolean): Span[] => (isThere ? [{ text }] : []);

/** Within a word of a command nothing may come between, not even an indent: a shell reads the rows as one word again. */
function jointAt(glyphs: readonly Glyph[], end: number, isCommand: boolean, indent: string): Joint {
  if (!isCommand) return { end: "", start: indent };
  if (glyphs[end]?.isBreak === true) return { end: betweenWords, start: indent };
  const quote = glyphs[end - 1]?.inside === "'" ? "'" : "";
  return { end: `${quote}\\`, start: quote };
}

function glyphsOf(spans: readonly Span[], isCommand: boolean): Glyph[] {
  let inside: Inside = "";
  return spans.flatMap((span) =>
    [...span.text].map((text) => {
      if (isCommand) inside = behind(text, inside);
      // Between quotes a blank belongs to a word of the command.
      return { ...span, text, width: stringWidth(text), isBreak: text === " " && inside === "", inside };
    }),
  );
}

function behind(text: string, inside: Inside): Inside {
  if (inside === "\\") return "";
  if (inside === "") return text === "'" || text === '"' || text === "\\" ? text : "";
  return text === inside ? "" : inside;
}

/** The blanks that a line begins with, as many as there is room for. */
function nearerToTheLeft(glyphs: readonly Glyph[], most: number): readonly Glyph[] {
  const blanks = glyphs.findIndex(({ isBreak }) => !isBreak);
  return glyphs.slice(Math.max(0, blanks - most));
}

/** Where the row ends, and where the next one begins: behind the blanks between them. */
function rowFrom(glyphs: readonly Glyph[], from: number, room: number, isFirst: boolean): { end: number; next: number } {
  let width = 0;
  let at = from;
  while (at < glyphs.length && (at === from || width + (glyphs[at]?.width ?? 0) <= room)) width += glyphs[at++]?.width ?? 0;
  if (at === glyphs.length) return { end: at, next: at };
  const end = lastBreak(glyphs, firstWord(glyphs, from, isFirst), at) ?? withoutBackslash(glyphs, from, at);
  let next = end;
  while (glyphs[next]?.isBreak === true) next++;
  return { end, next };
}

/** A backslash stays with the character that it is for. */
function withoutBackslash(glyphs: readonly Glyph[], from: number, at: number): number {
  return glyphs[at - 1]?.inside === "\\" && at - 1 > from ? at - 1 : at;
}

/** A line is not broken at the blanks that it begins with. */
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
