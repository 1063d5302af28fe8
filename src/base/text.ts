/** Text for people: pieces with a tone each, made printable; paint.ts has the colours of the tones. */

import { stringWidth } from "bun";
import { printable } from "./printable.ts";
import type { Tone } from "./tone.ts";

export interface Span {
  readonly text: string;
  readonly tone?: Tone;
}

export type Text = string | Span | readonly Text[];

export type Paint = (text: string) => Span;

const toned =
  (tone: Tone): Paint =>
  (text) => ({ text, tone });

export const bold: Paint = toned("bold");
export const dim: Paint = toned("dim");
export const red: Paint = toned("red");
export const green: Paint = toned("green");
export const yellow: Paint = toned("yellow");
export const cyan: Paint = toned("cyan");
export const plain: Paint = (text) => ({ text });

/** The pieces in order, each of them printable. */
export function spansOf(text: Text): Span[] {
  if (typeof text === "string") return [{ text: printable(text) }];
  return "text" in text ? [{ ...text, text: printable(text.text) }] : text.flatMap(spansOf);
}

/** The columns that it takes in a terminal. */
export function widthOf(text: Text): number {
  return spansOf(text).reduce((width, span) => width + stringWidth(span.text), 0);
}

/** Padded with blanks to fill a column. */
export function padded(text: Text, columns: number): Text {
  return [text, " ".repeat(Math.max(0, columns - widthOf(text)))];
}

/** One line of output. */
export interface Line {
  readonly text: Text;
  /** Where it goes on when it is too long for the terminal. */
  readonly hang: number;
  /** A command to be pasted: what is broken up is still one for the shell. */
  readonly isCommand?: boolean;
}

export const line = (text: Text, hang = 0): Line => ({ text, hang });

/** A further line of what others wrote. */
export function quotedLine(text: Text, indent: number): Line {
  return line([" ".repeat(indent), quote, text], indent + quote.length);
}

const quote = "│ ";

/** Rows of cells as lines, each column as wide as its widest cell; the last one goes on below itself. */
export function tableLines(rows: readonly (readonly Text[])[]): Line[] {
  const widths: number[] = [];
  for (const row of rows) for (const [index, cell] of row.entries()) widths[index] = Math.max(widths[index] ?? 0, widthOf(cell));
  return rows.map((row) => {
    const before = row.slice(0, -1).map((cell, index) => [padded(cell, widths[index] ?? 0), "  "]);
    return line([...before, row.at(-1) ?? ""], widthOf(before));
  });
}

/** Cut in the middle: both ends of a target say more than what stands between. */
export function shortened(text: string, columns: number): string {
  const shown = printable(text);
  if (stringWidth(shown) <= columns) return shown;
  const room = Math.max(columns - 1, 0);
  const head = fitting(shown, Math.floor(room / 2));
  const tail = fitting([...shown].reverse().join(""), room - stringWidth(head));
  return `${head}…${[...tail].reverse().join("")}`;
}

/** The part of its beginning that fits. */
export function fitting(text: string, columns: number): string {
  let width = 0;
  let end = 0;
  for (const character of text) {
    width += stringWidth(character);
    if (width > columns) break;
    end += character.length;
  }
  return text.slice(0, end);
}
