/** Draws the rows of a terminal, as `tmux capture-pane -e` gives them, as an SVG picture. */

import { stringWidth } from "bun";

/** Text of one look. */
interface Run {
  readonly text: string;
  readonly column: number;
  readonly look: Look;
}

interface Look {
  readonly colour: string;
  readonly bold: boolean;
  readonly dim: boolean;
  /** Dark on a light ground. */
  readonly reversed: boolean;
}

const cellWidthPx = 8.4;
const rowHeightPx = 20;
const paddingPx = 18;
const barHeightPx = 30;
const background = "#1e2127";
const plain: Look = { colour: "#d7dae0", bold: false, dim: false, reversed: false };

/** The colours 0 to 7 of a terminal; kt uses no others. */
const colours = ["#5c6370", "#ff6b73", "#98d36e", "#e5c07b", "#61afef", "#d58fe8", "#56c7d6", "#d7dae0"];

/** `title` stands in the window's bar, and is what a screen reader says. */
export function terminalSvg(title: string, rows: readonly string[]): string {
  const runs = rows.map(runsOf);
  const columns = Math.max(...runs.flat().map(({ column, text }) => column + stringWidth(text)), 60);
  const width = Math.ceil(columns * cellWidthPx + 2 * paddingPx);
  const height = rows.length * rowHeightPx + barHeightPx + 2 * paddingPx;
  const texts = runs.flatMap((row, index) => row.map((run) => textOf(run, barHeightPx + paddingPx + (index + 0.75) * rowHeightPx)));
  return `${[
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img">`,
    `<title>${escaped(title)}</title>`,
    `<rect width="${width}" height="${height}" rx="8" fill="${background}"/>`,
    ...["#ff5f57", "#febc2e", "#28c840"].map((fill, index) => `<circle cx="${20 + index * 18}" cy="16" r="5.5" fill="${fill}"/>`),
    `<g font-family="ui-monospace, SFMono-Regular, Menlo, Consolas, 'DejaVu Sans Mono', monospace" font-size="14" xml:space="preserve">`,
    ...texts,
    "</g>",
    "</svg>",
  ].join("\n")}\n`;
}

/** The width is given for each run, so that columns stay aligned in whatever font there is. */
function textOf({ text, column, look }: Run, y: number): string {
  const x = (paddingPx + column * cellWidthPx).toFixed(1);
  const length = (stringWidth(text) * cellWidthPx).toFixed(1);
  const weight = look.bold ? ' font-weight="bold"' : "";
  const opacity = look.dim ? ' opacity="0.6"' : "";
  const ground = look.reversed
    ? `<rect x="${x}" y="${y - 0.75 * rowHeightPx}" width="${length}" height="${rowHeightPx}" fill="${look.colour}"/>`
    : "";
  // Browsers make one blank of several, and a reversed row has many.
  const shown = escaped(text).replace(/ {2,}/g, (blanks) => "\u00a0".repeat(blanks.length));
  const fill = look.reversed ? background : look.colour;
  return `${ground}<text x="${x}" y="${y}" fill="${fill}"${weight}${opacity} textLength="${length}" lengthAdjust="spacingAndGlyphs">${shown}</text>`;
}

/** Blanks at the ends of a run do not belong to the picture. */
function runsOf(row: string): Run[] {
  const runs: Run[] = [];
  let column = 0;
  let look = plain;
  for (const [part] of row.matchAll(/\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)|\x1b\[[\d;]*[A-Za-z]|[^\x1b]+/g)) {
    if (part.startsWith("\x1b[")) look = looksAfter(look, part);
    if (part.startsWith("\x1b")) continue;
    for (const { 0: text, index } of part.matchAll(look.reversed ? /.+/g : /\S+(?: \S+)*/g)) {
      runs.push({ text, column: column + stringWidth(part.slice(0, index)), look });
    }
    column += stringWidth(part);
  }
  return runs;
}

function looksAfter(look: Look, sequence: string): Look {
  const codes = sequence.slice(2, -1).split(";").map(Number);
  return sequence.endsWith("m") ? codes.reduce(lookAfter, look) : look;
}

function lookAfter(look: Look, code: number): Look {
  if (code === 0) return plain;
  if (code === 1) return { ...look, bold: true };
  if (code === 2) return { ...look, dim: true };
  if (code === 7 || code === 27) return { ...look, reversed: code === 7 };
  if (code === 22) return { ...look, bold: false, dim: false };
  if (code === 39) return { ...look, colour: plain.colour };
  const colour = colours[code % 10];
  const isForeground = (code >= 30 && code < 38) || (code >= 90 && code < 98);
  return isForeground && colour !== undefined ? { ...look, colour } : look;
}

function escaped(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
}
