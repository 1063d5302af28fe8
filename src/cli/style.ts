/** Colours for a terminal, and text that fits it. */

export type Paint = (text: string) => string;

export interface Style {
  readonly bold: Paint;
  readonly dim: Paint;
  readonly red: Paint;
  readonly green: Paint;
  readonly yellow: Paint;
  readonly cyan: Paint;
}

const plain: Paint = (text) => text;

/** SGR codes (ECMA-48 §8.3.117): one to begin, one to end. */
function paint(begin: number, end: number): Paint {
  return (text) => `\u001b[${begin}m${text}\u001b[${end}m`;
}

export function styleFor(coloured: boolean): Style {
  if (!coloured) return { bold: plain, dim: plain, red: plain, green: plain, yellow: plain, cyan: plain };
  return {
    bold: paint(1, 22),
    dim: paint(2, 22),
    red: paint(31, 39),
    green: paint(32, 39),
    yellow: paint(33, 39),
    cyan: paint(36, 39),
  };
}

const escapes = /\u001b\[[0-9;]*m/y;

/** Cuts a line with colours in it to `columns` visible characters. */
export function fit(line: string, columns: number): string {
  let shown = 0;
  let at = 0;
  while (at < line.length) {
    escapes.lastIndex = at;
    const code = escapes.exec(line);
    if (code) {
      at += code[0].length;
      continue;
    }
    if (shown === columns) return `${line.slice(0, at)}${line.includes("\u001b") ? "\u001b[0m" : ""}`;
    shown++;
    at++;
  }
  return line;
}

/** Rows of cells as lines, each column as wide as its widest cell; `widths` counts what is visible. */
export function alignColumns(rows: readonly (readonly string[])[], visible: (cell: string) => number = (cell) => cell.length): string[] {
  const widths: number[] = [];
  for (const row of rows) for (const [index, cell] of row.entries()) widths[index] = Math.max(widths[index] ?? 0, visible(cell));
  return rows.map((row) =>
    row
      .map((cell, index) => cell + " ".repeat((widths[index] ?? 0) - visible(cell)))
      .join("  ")
      .trimEnd(),
  );
}

/** The number of visible characters of a text with colours in it. */
export function visibleLength(text: string): number {
  return text.replace(/\u001b\[[0-9;]*m/g, "").length;
}
