/** A stream of kt's output, and what it takes to write lines to it. */

import { paintRow } from "#base/paint.ts";
import type { Line } from "#base/text.ts";
import { type Row, wrapped } from "#base/wrap.ts";

/** A stream as far as kt uses it. */
export interface TextSink {
  readonly isTTY?: boolean;
  readonly columns?: number | undefined;
  readonly rows?: number | undefined;
  /** What was written and not yet accepted. */
  readonly waitingBytes: number;
  write(text: string): void;
  /** Resolves when everything written was accepted, or never will be. */
  drained(): Promise<void>;
  /** Calls back whenever the terminal's window has another size. */
  onResize(callback: () => void): void;
}

/** The width that lines are broken to; none off a terminal. Some terminals say 0, such as those of containers without a window. */
export function columnsOf({ isTTY, columns }: TextSink): number {
  return isTTY === true ? columns || 80 : Number.POSITIVE_INFINITY;
}

export function rowsFor(lines: readonly Line[], columns: number): Row[] {
  return lines.flatMap((each) => wrapped(each, columns));
}

export function paintRows(rows: readonly Row[], coloured: boolean): string {
  return rows.map((row) => `${paintRow(row, coloured)}\n`).join("");
}
