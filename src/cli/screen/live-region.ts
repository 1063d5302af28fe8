/** Lines on a terminal that are drawn over when they change: they stay below all that comes, and follow the size of the window. */

import { type Line, line, widthOf } from "#base/text.ts";
import { columnsOf, paintRows, rowsFor, type TextSink } from "./text-sink.ts";
import type { Row } from "#base/wrap.ts";

/** Lines for a terminal of so many columns. */
export type Draw = (columns: number) => readonly Line[];

export class LiveRegion {
  readonly #sink: TextSink;
  readonly #coloured: boolean;
  #draw: Draw | undefined;
  /** The width of each row that stands on the screen to be drawn over. */
  #drawn: readonly number[] = [];

  constructor(sink: TextSink, coloured: boolean) {
    this.#sink = sink;
    this.#coloured = coloured;
  }

  get isDrawn(): boolean {
    return this.#draw !== undefined;
  }

  show(draw: Draw): void {
    this.#draw = draw;
    this.redraw();
  }

  /** What is drawn goes. */
  clear(): void {
    if (!this.#draw) return;
    this.#sink.write(this.#erased(columnsOf(this.#sink)));
    this.settle();
  }

  /** What is drawn stays; what comes next goes below it. */
  settle(): void {
    this.#draw = undefined;
    this.#drawn = [];
  }

  /** `above` goes above it, and stays. */
  redraw(above = ""): void {
    if (!this.#draw) return;
    const columns = columnsOf(this.#sink);
    const rows = this.#fitting(rowsFor(this.#draw(columns), columns), columns);
    this.#sink.write(`${this.#erased(columns)}${above}${paintRows(rows, this.#coloured)}`);
    this.#drawn = rows.map(widthOf);
  }

  /** What has scrolled away cannot be drawn over, so no more than the window has. */
  #fitting(rows: readonly Row[], columns: number): readonly Row[] {
    if (rows.length < this.#height) return rows;
    const kept = this.#height - 2;
    const more = line(`… and ${rows.length - kept} lines more: kt status`);
    return [...rows.slice(0, kept), ...rowsFor([more], columns).slice(0, 1)];
  }

  /** A window that became narrower has broken the rows that it showed. */
  #erased(columns: number): string {
    const rows = this.#drawn.reduce((count, width) => count + Math.max(1, Math.ceil(width / columns)), 0);
    return `${rows === 0 ? "" : `\u001b[${Math.min(rows, this.#height)}A`}\u001b[J`;
  }

  get #height(): number {
    return this.#sink.rows || 24;
  }
}
