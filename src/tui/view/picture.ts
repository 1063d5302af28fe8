/** What a screen shows: rows of pieces of text, each no wider than the screen. */

import type { Span, Text } from "#base/text.ts";
import { cell } from "./cells.ts";

export interface PictureRow {
  readonly spans: readonly Span[];
  /** It is what keys act on. */
  readonly isSelected?: boolean;
}

export type Picture = readonly PictureRow[];

/** A row that is exactly as wide as the screen. */
export function row(text: Text, columns: number, isSelected = false): PictureRow {
  return { spans: cell(text, columns), isSelected };
}

/** Something on the left, and something on the right where there is room for both. */
export function apart(left: Text, right: Text, columns: number, width: (text: Text) => number): PictureRow {
  const gap = columns - width(left) - width(right);
  return row(gap < 1 ? left : [left, " ".repeat(gap), right], columns);
}

export const blank = (columns: number): PictureRow => row("", columns);
