/** Walks a TOML text once and notes where each key, value and statement stands. The TOML parser must have accepted the text. */

/** A key path: table and key names, and the index of an array's item as a decimal number. */
export type KeyPath = readonly string[];

/** Offsets into the text. */
export interface Offsets {
  readonly key: number;
  readonly value: number;
}

/** A `[header]`, or a key with its value. */
export interface Statement {
  readonly kind: "header" | "pair";
  /** From the root of the file. */
  readonly path: KeyPath;
  /** The header that a pair stands under; empty before the first. */
  readonly table: KeyPath;
  /** Where its key or bracket begins. */
  readonly from: number;
  /** Behind its value or bracket. */
  readonly to: number;
  /** What an inline table has in it; undefined of every other value. */
  readonly entries: readonly Statement[] | undefined;
}

const bareKey = /[A-Za-z0-9_-]/;

export class Scanner {
  /** The first place of every key path, by its `pathName`. */
  readonly found = new Map<string, Offsets>();
  /** In the order of the text, without those inside inline tables. */
  readonly statements: Statement[] = [];
  readonly #text: string;
  #at = 0;
  /** The table that a header opened. */
  #table: KeyPath = [];
  /** How many tables each array of tables has so far. */
  readonly #counts = new Map<string, number>();

  constructor(text: string) {
    this.#text = text;
  }

  run(): void {
    for (this.#skipBlank(true); this.#at < this.#text.length; this.#skipBlank(true)) {
      if (this.#peek() === "[") this.#header();
      else this.statements.push(this.#keyValue(this.#table));
    }
  }

  #peek(): string {
    return this.#text.charAt(this.#at);
  }

  /** Skips spaces and, over several lines, newlines and comments. */
  #skipBlank(lines: boolean): void {
    while (this.#at < this.#text.length) {
      const char = this.#peek();
      if (char === "#" && lines) this.#skipTo("\n");
      else if (char === " " || char === "\t" || (lines && (char === "\n" || char === "\r"))) this.#at++;
      else return;
    }
  }

  #skipTo(end: string): void {
    const at = this.#text.indexOf(end, this.#at);
    this.#at = at < 0 ? this.#text.length : at;
  }

  #note(path: KeyPath, key: number, value: number): void {
    const name = pathName(path);
    if (!this.found.has(name)) this.found.set(name, { key, value });
  }

  #header(): void {
    const from = this.#at;
    const array = this.#text.startsWith("[[", from);
    this.#at += array ? 2 : 1;
    const keys = this.#dottedKey();
    this.#skipBlank(false);
    this.#at += array ? 2 : 1;
    let path: string[] = [];
    for (const [index, { name, at }] of keys.entries()) {
      path = [...path, name];
      this.#note(path, at, at);
      path = this.#intoArray(path, array && index === keys.length - 1, at);
    }
    this.#table = path;
    this.statements.push({ kind: "header", path, table: path, from, to: this.#at, entries: undefined });
  }

  /** Adds the index of the current table where the path names an array of tables. */
  #intoArray(path: string[], opens: boolean, at: number): string[] {
    const name = pathName(path);
    const count = (this.#counts.get(name) ?? 0) + (opens ? 1 : 0);
    if (count === 0) return path;
    this.#counts.set(name, count);
    const item = [...path, String(count - 1)];
    this.#note(item, at, at);
    return item;
  }

  #dottedKey(): { name: string; at: number }[] {
    const keys: { name: string; at: number }[] = [];
    for (;;) {
      this.#skipBlank(false);
      const at = this.#at;
      keys.push({ name: this.#key(), at });
      this.#skipBlank(false);
      if (this.#peek() !== ".") return keys;
      this.#at++;
    }
  }

  #key(): string {
    const start = this.#at;
    const quote = this.#peek();
    if (quote === '"' || quote === "'") {
      this.#string();
      const raw = this.#text.slice(start + 1, this.#at - 1);
      return quote === '"' ? unescapeBasic(raw) : raw;
    }
    while (bareKey.test(this.#peek())) this.#at++;
    return this.#text.slice(start, this.#at);
  }

  #keyValue(table: KeyPath): Statement {
    const from = this.#at;
    const keys = this.#dottedKey();
    this.#at++; // the equals sign
    this.#skipBlank(false);
    const value = this.#at;
    let path = table;
    for (const { name, at } of keys) {
      path = [...path, name];
      this.#note(path, at, value);
    }
    const entries = this.#value(path);
    const to = this.#at;
    this.#ensureProgress(from);
    return { kind: "pair", path, table, from, to, entries };
  }

  /** On a text that the parser would have refused, a step may find nothing to step over. */
  #ensureProgress(start: number): void {
    if (this.#at === start) this.#at++;
  }

  /** Steps over a value; of an inline table the answer is what it has in it. */
  #value(path: KeyPath): Statement[] | undefined {
    const char = this.#peek();
    if (char === "{") {
      const entries: Statement[] = [];
      this.#items("}", () => entries.push(this.#keyValue(path)));
      return entries;
    }
    if (char === '"' || char === "'") this.#string();
    else if (char === "[") this.#items("]", (index) => this.#item([...path, String(index)]));
    else this.#bareValue();
    return undefined;
  }

  /** A number, a date or a boolean; a date may have a space in it. */
  #bareValue(): void {
    const start = this.#at;
    while (this.#at < this.#text.length && !/[,\]}#\n]/.test(this.#peek())) this.#at++;
    this.#at = start + this.#text.slice(start, this.#at).trimEnd().length;
  }

  #item(path: KeyPath): void {
    this.#note(path, this.#at, this.#at);
    this.#value(path);
  }

  #items(end: string, each: (index: number) => void): void {
    this.#at++;
    for (let index = 0; ; index++) {
      this.#skipBlank(true);
      if (this.#peek() === ",") this.#at++;
      this.#skipBlank(true);
      if (this.#peek() === end || this.#at >= this.#text.length) break;
      const start = this.#at;
      each(index);
      this.#ensureProgress(start);
    }
    this.#at++;
  }

  /** Steps over a string of any of the four kinds. */
  #string(): void {
    const quote = this.#peek();
    const triple = quote.repeat(3);
    const end = this.#text.startsWith(triple, this.#at) ? triple : quote;
    this.#at += end.length;
    while (this.#at < this.#text.length && !this.#text.startsWith(end, this.#at)) {
      this.#at += quote === '"' && this.#peek() === "\\" ? 2 : 1;
    }
    this.#at += end.length;
    // Up to two quotes may stand directly before the closing three.
    while (end.length === 3 && this.#peek() === quote) this.#at++;
  }
}

const shortEscapes: Readonly<Record<string, string>> = { b: "\b", t: "\t", n: "\n", f: "\f", r: "\r", e: "\u001b", '"': '"', "\\": "\\" };

function unescapeBasic(raw: string): string {
  return raw.replaceAll(/\\(u[0-9a-fA-F]{4}|U[0-9a-fA-F]{8}|x[0-9a-fA-F]{2}|.)/g, (_, code: string) =>
    code.length === 1 ? (shortEscapes[code] ?? code) : String.fromCodePoint(Number.parseInt(code.slice(1), 16)),
  );
}

/** A path as the key of a map. */
export function pathName(path: KeyPath): string {
  return path.join("\u0000");
}

/** The statements of a text that the TOML parser has accepted, in order. */
export function statementsOf(text: string): readonly Statement[] {
  const scanner = new Scanner(text);
  scanner.run();
  return scanner.statements;
}

/** True for what stands at the path or below it. */
export function isWithin(path: KeyPath, above: KeyPath): boolean {
  return above.every((name, index) => path[index] === name);
}
