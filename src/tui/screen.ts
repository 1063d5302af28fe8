/** Draws pictures on a terminal: only the rows that differ from what stands there, each in its place (ECMA-48, xterm's private modes). */

import type { Span } from "#base/text.ts";
import { paintSpan } from "#base/paint.ts";
import { widthOfSpans } from "./view/cells.ts";
import type { Picture, PictureRow } from "./view/picture.ts";
import type { Terminal } from "./terminal.ts";

const csi = "\u001b[";

/** The other screen, no cursor, no wrapping at the right edge, and pastes in brackets. */
const enter = `${csi}?1049h${csi}?25l${csi}?7l${csi}?2004h${csi}2J`;
const leave = `${csi}?2004l${csi}?7h${csi}?25h${csi}?1049l`;
/** Terminals that know it show what is between at once. */
const [begin, end] = [`${csi}?2026h`, `${csi}?2026l`];
const [reverse, unreverse] = [`${csi}7m`, `${csi}27m`];

export class Screen {
  readonly #terminal: Terminal;
  /** What stands in each row. */
  #shown: string[] = [];
  #isOpen = false;

  constructor(terminal: Terminal) {
    this.#terminal = terminal;
  }

  get isOpen(): boolean {
    return this.#isOpen;
  }

  open(): void {
    if (this.#isOpen) return;
    this.#isOpen = true;
    this.#shown = [];
    this.#terminal.setRaw(true);
    this.#terminal.write(enter);
  }

  /** Everything is as it was before. */
  close(): void {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    this.#terminal.write(leave);
    this.#terminal.setRaw(false);
  }

  /** The same while the process ends. */
  abandon(): void {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    this.#terminal.writeNow(leave);
    this.#terminal.setRaw(false);
  }

  /** The process was stopped, and its terminal used by others: their keys and pictures. */
  reopen(): void {
    this.#terminal.setRaw(false);
    this.#isOpen = false;
    this.open();
  }

  /** The next picture is drawn whole: what stands there is not known. */
  forget(): void {
    this.#shown = [];
    if (this.#isOpen) this.#terminal.write(`${csi}2J`);
  }

  draw(picture: Picture): void {
    if (!this.#isOpen) return;
    const rows = picture.map((each) => paint(each, this.#terminal));
    const changed = rows.map((text, at) => (text === this.#shown[at] ? "" : `${csi}${at + 1};1H${text}`)).join("");
    this.#shown = rows;
    if (changed !== "") this.#terminal.write(`${begin}${changed}${end}`);
  }
}

/** Ends with the rest of the row erased, unless the row is full: at the right edge that would erase its last character. */
function paint({ spans, isSelected = false }: PictureRow, { isColoured, columns }: Terminal): string {
  if (isSelected && isColoured)
    return `${reverse}${placed(
      spans.map(({ text }) => ({ text })),
      false,
    )}${unreverse}`;
  const trimmed = withoutBlanks(spans);
  return `${placed(trimmed, isColoured)}${widthOfSpans(trimmed) < columns ? `${csi}K` : ""}`;
}

function withoutBlanks(spans: readonly Span[]): readonly Span[] {
  const last = spans.findLastIndex(({ text }) => text.trim() !== "");
  return spans.slice(0, last + 1).map((span, at) => (at === last ? { ...span, text: span.text.trimEnd() } : span));
}

/** What is narrow in every terminal: ASCII, and the signs that kt itself draws. */
const narrow = /^[\x20-\x7e●○◐◌■✗▸·…↑↓▏▁▂▃▄▅▆▇█│]*$/;

/** Terminals differ in how wide other characters are: what follows such a piece is put in its column. */
function placed(spans: readonly Span[], isColoured: boolean): string {
  let text = "";
  let column = 1;
  for (const span of spans) {
    text += paintSpan(span, isColoured);
    column += widthOfSpans([span]);
    if (!narrow.test(span.text)) text += `${csi}${column}G`;
  }
  return text;
}
