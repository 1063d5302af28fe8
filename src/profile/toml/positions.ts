/** Finds where in a TOML text each key and value stands. The text must have been accepted by the TOML parser already. */

import { type KeyPath, type Offsets, pathName, Scanner } from "./scan.ts";

export type { KeyPath } from "./scan.ts";

export interface Place {
  /** From 1. */
  readonly line: number;
  /** From 1, in UTF-16 units. */
  readonly column: number;
}

/** The places of all keys of one TOML text. */
export class KeyPositions {
  readonly #text: string;
  readonly #lineStarts: readonly number[];
  readonly #found: ReadonlyMap<string, Offsets>;

  constructor(text: string) {
    const scanner = new Scanner(text);
    scanner.run();
    this.#text = text;
    this.#lineStarts = lineStartsOf(text);
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
    const line = lastAtMost(this.#lineStarts, offset);
    return { line: line + 1, column: offset - (this.#lineStarts[line] ?? 0) + 1 };
  }
}

/** Every key has a place: looking for its line from the top each time would take minutes in a large file. */
function lineStartsOf(text: string): readonly number[] {
  return [0, ...[...text.matchAll(/\n/g)].map(({ index }) => index + 1)];
}

/** The index of the last number that is not greater; the first is 0. */
function lastAtMost(ascending: readonly number[], wanted: number): number {
  let [low, high] = [0, ascending.length - 1];
  while (low < high) {
    const middle = Math.ceil((low + high) / 2);
    if ((ascending[middle] ?? 0) <= wanted) low = middle;
    else high = middle - 1;
  }
  return low;
}
