/** Edits a TOML text by whole lines: puts lines in, and takes out those of one entry. */

import { isWithin, type KeyPath, type Statement, statementsOf } from "#profile/toml/scan.ts";

/** A text as lines, each with its line end. */
class Page {
  readonly #lines: readonly string[];
  readonly #starts: readonly number[];
  /** Lines that a statement takes: what looks like a comment there is part of a text. */
  readonly #taken = new Set<number>();

  constructor(text: string, statements: readonly Statement[]) {
    this.#lines = text.match(/[^\n]*\n|[^\n]+$/g) ?? [];
    let end = 0;
    this.#starts = this.#lines.map((line) => {
      end += line.length;
      return end - line.length;
    });
    for (const each of statements) for (let index = this.first(each); index <= this.last(each); index++) this.#taken.add(index);
  }

  get count(): number {
    return this.#lines.length;
  }

  first({ from }: Statement): number {
    return this.#starts.findLastIndex((start) => start <= from);
  }

  last({ to }: Statement): number {
    return this.#starts.findLastIndex((start) => start < to);
  }

  isBlank(index: number): boolean {
    return !this.#taken.has(index) && /^[ \t\r]*\n?$/.test(this.#lines[index] ?? "");
  }

  isComment(index: number): boolean {
    return !this.#taken.has(index) && /^[ \t]*#/.test(this.#lines[index] ?? "");
  }

  isBlankOrEnd(index: number): boolean {
    return index >= this.count || this.isBlank(index);
  }

  /** Behind the comments that begin at this line, unless they belong to what comes next. */
  afterComments(index: number): number {
    let end = index;
    while (this.isComment(end)) end++;
    return this.isBlankOrEnd(end) ? end : index;
  }

  /** Where the comments above this line begin, unless something stands directly above them. */
  aboveComments(index: number): number {
    let begin = index;
    while (this.isComment(begin - 1)) begin--;
    return begin === 0 || this.isBlank(begin - 1) ? begin : index;
  }

  indentOf(index: number): string {
    return /^[ \t]*/.exec(this.#lines[index] ?? "")?.[0] ?? "";
  }

  /** The new lines end as the one above them does; a file without a last line end stays without. */
  insert(index: number, lines: readonly string[]): string {
    const above = this.#lines[index - 1] ?? "";
    const end = /\r?\n$/.exec(above)?.[0] ?? /\r?\n$/.exec(this.#lines[0] ?? "")?.[0] ?? "\n";
    const before = this.#lines.slice(0, index).join("");
    if (above !== "" && !above.endsWith("\n")) return [before, ...lines].join(end);
    return `${before}${lines.map((line) => line + end).join("")}${this.#lines.slice(index).join("")}`;
  }

  /** A file without a last line end stays without. */
  without(spans: readonly Span[]): string {
    const kept = this.#lines.filter((_, index) => !spans.some(({ first, last }) => first <= index && index <= last));
    const text = kept.join("");
    return kept.at(-1) === this.#lines.at(-1) || this.#lines.at(-1)?.endsWith("\n") ? text : text.replace(/\r?\n$/, "");
  }
}

export interface Addition {
  /** Undefined: at the end. */
  readonly after: Statement | undefined;
  /** A table of its own: it is set apart where its neighbours are, and comes after what is commented out in the one before. */
  readonly block?: boolean;
  readonly lines: readonly string[];
}

export function addLines(text: string, { after, block = false, lines }: Addition): string {
  const page = new Page(text, statementsOf(text));
  const below = after === undefined ? page.count : page.last(after) + 1;
  const at = block ? page.afterComments(below) : below;
  const isApart = block && at > 0 && page.isBlankOrEnd(at);
  const indent = block || after === undefined ? "" : page.indentOf(page.first(after));
  return page.insert(at, [...(isApart ? [""] : []), ...lines.map((line) => indent + line)]);
}

/** Lines that go, both ends included. */
interface Span {
  readonly first: number;
  readonly last: number;
  /** Begins with a header of the entry's own. */
  readonly block: boolean;
}

/**
 * Takes out every line of the entry at this path. With a table of its own go the comments in it, those directly above it, and the
 * blank line that sets it apart; a comment above a plain line stays.
 */
export function removeLines(text: string, path: KeyPath): string {
  const statements = statementsOf(text);
  const page = new Page(text, statements);
  return page.without(spansOf(page, statements, path).map((span) => (span.block ? widen(page, span) : span)));
}

function spansOf(page: Page, statements: readonly Statement[], path: KeyPath): Span[] {
  const spans: Span[] = [];
  for (const [index, statement] of statements.entries()) {
    if (!isWithin(statement.path, path)) continue;
    const previous = statements[index - 1];
    const inBlock = isWithin(statement.table, path);
    const last = page.last(statement);
    const span = spans.at(-1);
    if (span?.block && inBlock && previous && isWithin(previous.path, path)) spans[spans.length - 1] = { ...span, last };
    else spans.push({ first: page.first(statement), last, block: inBlock });
  }
  return spans;
}

function widen(page: Page, span: Span): Span {
  const first = page.aboveComments(span.first);
  const last = page.afterComments(span.last + 1) - 1;
  if (!page.isBlankOrEnd(last + 1)) return { ...span, first, last };
  if (first === 0) return { ...span, first, last: page.isBlank(last + 1) ? last + 1 : last };
  return { ...span, first: page.isBlank(first - 1) ? first - 1 : first, last };
}
