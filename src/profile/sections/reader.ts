/** What sections read a file with: values with their places, and problems where they stand. */

import type { KeyPath } from "#profile/toml/positions.ts";
import type { Placed, ProblemOptions, ProfileSource } from "#profile/values/placed.ts";

export class SectionReader {
  readonly source: ProfileSource;
  /** What `~` stands for. */
  readonly home: string;

  constructor(source: ProfileSource, home: string) {
    this.source = source;
    this.home = home;
  }

  place<T>(path: KeyPath, value: T, at: "key" | "value" = "value"): Placed<T> {
    const position = at === "key" ? this.source.key(path) : this.source.value(path);
    return { value, at: position, source: this.source, path };
  }

  problem(path: KeyPath, message: string, options?: ProblemOptions): undefined {
    this.source.problem(path, message, options);
  }

  attempt<T>(path: KeyPath, at: "key" | "value", work: () => T): T | undefined {
    return this.source.attempt(path, at, work);
  }

  /** A setting that may be missing and may be wrong. */
  setting<In, Out>(path: KeyPath, given: In | undefined, parse: (value: In) => Out): Placed<Out> | undefined {
    if (given === undefined) return undefined;
    const value = this.attempt(path, "value", () => parse(given));
    return value === undefined ? undefined : this.place(path, value);
  }

  /** One that is taken as it stands. */
  asWritten<T>(path: KeyPath, given: T | undefined): Placed<T> | undefined {
    return this.setting(path, given, (value) => value);
  }

  /** What may be one or a list of it; an item that is wrong is reported in its own place. */
  each<Out>(path: KeyPath, given: string | number | readonly (string | number)[], parse: (item: string) => Out): Out[] {
    const list = typeof given === "object" ? given : [given];
    const pathOf = (index: number): KeyPath => (list === given ? [...path, String(index)] : path);
    return list.flatMap((item, index) => this.attempt(pathOf(index), "value", () => [parse(String(item))]) ?? []);
  }

  /** Puts an entry under its key; a second entry of one key in one file is a problem. */
  addOnce<T extends { readonly name: string }>(map: Map<string, Placed<T>>, key: string, entry: Placed<T>, hint: string): void {
    const earlier = map.get(key);
    if (earlier === undefined) map.set(key, entry);
    else this.problem(entry.path, `"${entry.value.name}" is there already, in line ${earlier.at.line}`, { at: "key", hint });
  }
}
