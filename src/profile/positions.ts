/** Finds where in a TOML text each key and value stands. The text must have been accepted by the TOML parser already. */

/** A key path: table and key names, and the index of an array's item as a decimal number. */
export type KeyPath = readonly string[];

export interface Place {
  /** From 1. */
  readonly line: number;
  /** From 1, in UTF-16 units. */
  readonly column: number;
}

interface Offsets {
  readonly key: number;
  readonly value: number;
}

const bareKey = /[A-Za-z0-9_-]/;

/** Walks the text once and notes the first place of every key path. */
class Scanner {
  readonly found = new Map<string, Offsets>();
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
      else this.#keyValue(this.#table);
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
    const array = this.#text.startsWith("[[", this.#at);
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

  #keyValue(table: KeyPath): void {
    const start = this.#at;
    const keys = this.#dottedKey();
    this.#at++; // the equals sign
    this.#skipBlank(false);
    const value = this.#at;
    let path = table;
    for (const { name, at } of keys) {
      path = [...path, name];
      this.#note(path, at, value);
    }
    this.#value(path);
    this.#ensureProgress(start);
  }

  /** On a text that the parser would have refused, a step may find nothing to step over. */
  #ensureProgress(start: number): void {
    if (this.#at === start) this.#at++;
  }

  #value(path: KeyPath): void {
    const char = this.#peek();
    if (char === '"' || char === "'") this.#string();
    else if (char === "[") this.#items("]", (index) => this.#item([...path, String(index)]));
    else if (char === "{") this.#items("}", () => this.#keyValue(path));
    else while (this.#at < this.#text.length && !/[,\]}#\n]/.test(this.#peek())) this.#at++;
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

function pathName(path: KeyPath): string {
  return path.join("\u0000");
}

/** The places of all keys of one TOML text. */
export class KeyPositions {
  readonly #text: string;
  readonly #found: ReadonlyMap<string, Offsets>;

  constructor(text: string) {
    const scanner = new Scanner(text);
    scanner.run();
    this.#text = text;
    this.#found = scanner.found;
  }

  /** Where the key stands; of what is not written out, the nearest table above it, else the top of the file. */
  key(path: KeyPath): Place {
    return this.#place(this.#offsets(path)?.key ?? 0);
  }

  /** Where the value begins, or where `part` begins in it. */
  value(path: KeyPath, part?: string): Place {
    const at = this.#offsets(path)?.value ?? 0;
    const inside = part === undefined ? -1 : this.#text.indexOf(part, at);
    return this.#place(inside < 0 ? at : inside);
  }

  #offsets(path: KeyPath): Offsets | undefined {
    for (let length = path.length; length > 0; length--) {
      const found = this.#found.get(pathName(path.slice(0, length)));
      if (found !== undefined) return found;
    }
    return undefined;
  }

  #place(offset: number): Place {
    const before = this.#text.slice(0, offset);
    const lineStart = before.lastIndexOf("\n") + 1;
    return { line: before.split("\n").length, column: offset - lineStart + 1 };
  }
}
