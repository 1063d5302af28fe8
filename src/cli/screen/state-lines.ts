/** Lines that begin with a state: a mark and a word, then a place, where it leads, and below it what is wrong. */

import type { Tone } from "#base/tone.ts";
import { cyan, dim, type Line, line, padded, type Paint, shortened, type Text, widthOf } from "#base/text.ts";
import { hintLine } from "./hint.ts";

/** The longest word for a state has eight letters, and a glyph stands before it. */
const stateWidth = 10;

/** Where a state stands. */
export const stateIndent = 2;
export const gap = "  ";
/** Where the place begins, and below it what has no room beside it. */
const placeColumn = stateIndent + stateWidth + gap.length;
/** Below a line. */
export const problemIndent = 6;
/** A shorter target is not useful: then it goes below the place. */
const leastTarget = 16;

export interface ShownPlace {
  readonly place: string;
  readonly target: string;
}

/** The widths of the columns that all lines share. */
export interface PlaceLayout {
  readonly columns: number;
  readonly place: number;
  readonly target: number;
}

/** `columns` is what there is room for. */
export function placeLayout(shown: readonly ShownPlace[], columns: number): PlaceLayout {
  const room = columns - placeColumn;
  // One long name must not take the room of all others.
  const widest = (texts: readonly string[], most: number): number =>
    Math.max(0, ...texts.map((text) => widthOf(text)).filter((width) => width <= most));
  const place = widest(
    shown.map((each) => each.place),
    room - gap.length - leastTarget,
  );
  const target = Math.min(
    widest(
      shown.map((each) => each.target),
      Number.POSITIVE_INFINITY,
    ),
    room - place - gap.length,
  );
  return { columns, place, target };
}

export interface StateLine extends ShownPlace {
  readonly state: { readonly glyph: string; readonly tone: Tone; readonly word: string };
  /** What is said besides; "" is nothing. */
  readonly facts: string;
}

/** Side by side as far as there is room; else the target, or only what is said besides, goes below the place. */
export function stateLines({ state, place, target, facts }: StateLine, layout: PlaceLayout): Line[] {
  const { glyph, tone, word } = state;
  const { columns } = layout;
  const opening: Text = [" ".repeat(stateIndent), padded({ text: `${glyph} ${word}`, tone }, stateWidth), gap];
  const beside = columns - placeColumn - Math.max(layout.place, widthOf(place)) - gap.length;
  const below = (text: Text): Line => line([" ".repeat(placeColumn), text], placeColumn);
  if (beside < Math.min(leastTarget, widthOf(target))) {
    const first = line([opening, cyan(place)], placeColumn);
    return [first, below(shortened(target, columns - placeColumn)), ...(facts === "" ? [] : [below(dim(facts))])];
  }
  const start: Text = [opening, padded(cyan(place), layout.place), gap];
  const shown = shortened(target, Math.min(beside, Math.max(layout.target, widthOf(target))));
  if (facts === "") return [line([start, shown], placeColumn)];
  const whole: Text = [start, padded(shown, layout.target), gap, dim(facts)];
  return widthOf(whole) <= columns ? [line(whole, placeColumn)] : [line([start, shown], placeColumn), below(dim(facts))];
}

export function problemLines(message: string, hints: readonly string[], at: number, paint: Paint): Line[] {
  return [messageLine(message, at, paint), ...hints.map((hint) => hintLine(hint, at, dim))];
}

export function messageLine(message: string, at: number, paint: Paint): Line {
  return line([" ".repeat(at), paint(message)], at);
}
