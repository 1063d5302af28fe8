/** One profile file: its text parsed, its shape checked, its variables filled, and where everything in it stands. */

import { dirname } from "node:path";
import { TomlError, type TomlTable, parse } from "smol-toml";
import { cut } from "#base/cut.ts";
import { typographicHint } from "#base/typography.ts";
import { type KtError, toKtError } from "#base/errors.ts";
import { profileLimits } from "#profile/limits.ts";
import { maskSecrets } from "#base/mask.ts";
import { type KeyPath, KeyPositions } from "#profile/toml/positions.ts";
import type { Position, ProfileProblem } from "#profile/values/problems.ts";
import type { ProblemOptions, ProfileSource } from "#profile/values/placed.ts";
import type { ProfileSchema, ProfileTable } from "#profile/schema/schema.ts";
import { checkShape } from "#profile/schema/shape.ts";
import { type Environment, fillVariables } from "#profile/values/variables.ts";

export interface SourceText {
  /** Absolute path, or `kt:NAME`. */
  readonly file: string;
  readonly text: string;
  readonly environment: Environment;
  /** Problems may say what stands in it. */
  readonly isQuoted: boolean;
  readonly schema: ProfileSchema;
}

/** A file that was read. */
export class Source implements ProfileSource {
  /** Absolute path, or `kt:NAME`. */
  readonly file: string;
  readonly #positions: KeyPositions;
  readonly #problems: ProfileProblem[];
  readonly #isQuoted: boolean;
  readonly #written: TomlTable;
  readonly #used: { readonly path: KeyPath; readonly name: string }[] = [];
  /** Values with variables that could not be filled: nothing else about them is worth saying. */
  readonly #unfilled = new Set<string>();
  /** Without what has not the shape of a profile. */
  readonly table: ProfileTable;

  private constructor(
    { file, environment, isQuoted, schema }: SourceText,
    positions: KeyPositions,
    problems: ProfileProblem[],
    table: TomlTable,
  ) {
    this.file = file;
    this.#isQuoted = isQuoted;
    this.#written = table;
    this.#positions = positions;
    this.#problems = problems;
    const checked = checkShape(this.#fillTable(table, [], environment), schema);
    this.table = checked.table;
    for (const { path, message, at, hint } of checked.problems) this.problem(path, message, { at, hint });
  }

  /** Parses a text; a syntax error becomes a problem and the answer is undefined. */
  static parse(given: SourceText, problems: ProfileProblem[]): Source | undefined {
    const { file, text, isQuoted } = given;
    try {
      const table = parse(text, { unsafeKeyBehaviour: "throw" });
      const excess = excessOf(table);
      if (excess !== undefined) {
        problems.push({ file, ...excess });
        return undefined;
      }
      return new Source(given, new KeyPositions(text), problems, table);
    } catch (thrown) {
      if (!(thrown instanceof TomlError)) throw thrown;
      problems.push({ file, ...(isQuoted ? syntaxProblem(thrown, text) : notProfile) });
      return undefined;
    }
  }

  /** One that comes with kt. */
  get isShipped(): boolean {
    return this.file.startsWith("kt:");
  }

  /** Variables of the environment whose values stand in the file's texts now, and where. */
  get used(): readonly { readonly path: KeyPath; readonly name: string }[] {
    return this.#used;
  }

  /** The text there as it was written, before variables were filled in. */
  textAt(path: KeyPath): string {
    const inside = (value: unknown, key: string): unknown => (isNested(value) ? Reflect.get(value, key) : undefined);
    const found = path.reduce(inside, this.#written);
    return typeof found === "string" ? found : JSON.stringify(found);
  }

  /** What relative paths in the file start from. */
  get directory(): string {
    return dirname(this.file);
  }

  /** Where the key stands. */
  key(path: KeyPath): Position {
    return { file: this.file, ...this.#positions.key(path) };
  }

  /** Where the value stands. */
  value(path: KeyPath): Position {
    return { file: this.file, ...this.#positions.value(path) };
  }

  problem(path: KeyPath, message: string, { code = "profile-invalid", hint, at = "value", part }: ProblemOptions = {}): void {
    if (this.#unfilled.has(path.join("\u0000")) && at === "value") return;
    const place = at === "key" ? this.#positions.key(path) : this.#positions.value(path, part);
    if (this.#isQuoted)
      this.#problems.push({ file: this.file, ...place, code, message: maskSecrets(message), hint: hint && maskSecrets(hint) });
    else if (this.#problems.every(({ file }) => file !== this.file)) this.#problems.push({ file: this.file, ...notProfile });
  }

  /** Runs a parser that throws KtError; its error becomes a problem at the path, and the answer undefined. */
  attempt<T>(path: KeyPath, at: "key" | "value", work: () => T): T | undefined {
    try {
      return work();
    } catch (thrown) {
      const error: KtError = toKtError(thrown, "internal", "reading the profile");
      this.problem(path, error.message, { at, code: error.code, hint: error.hints[0] });
      return undefined;
    }
  }

  #fill(value: unknown, path: KeyPath, environment: Environment): unknown {
    if (typeof value === "string") return this.#fillText(value, path, environment);
    if (Array.isArray(value)) return value.map((item, index) => this.#fill(item, [...path, String(index)], environment));
    if (typeof value !== "object" || value === null || value instanceof Date) return value;
    return this.#fillTable(value, path, environment);
  }

  #fillTable(table: object, path: KeyPath, environment: Environment): Record<string, unknown> {
    return Object.fromEntries(Object.entries(table).map(([key, inner]) => [key, this.#fill(inner, [...path, key], environment)]));
  }

  #fillText(text: string, path: KeyPath, environment: Environment): string {
    if (!text.includes("$")) return text;
    const filled = fillVariables(text, environment, path[0] === "env");
    this.#used.push(...filled.used.map((name) => ({ path, name })));
    for (const { code, reference, message, hint } of filled.problems) this.problem(path, message, { code, hint, part: reference });
    if (filled.problems.length > 0) this.#unfilled.add(path.join("\u0000"));
    return filled.text;
  }
}

const notProfile: Omit<ProfileProblem, "file"> = {
  code: "profile-syntax",
  line: 1,
  column: 1,
  message: "this is not a profile",
  hint: "what is wrong is only quoted from files that are named NAME.toml",
};

const tooDeep: Omit<ProfileProblem, "file"> = {
  code: "profile-syntax",
  line: 1,
  column: 1,
  message: `tables and lists stand more than ${profileLimits.profileDepth} deep in each other`,
  hint: "no setting of a profile is as deep as that: kt schema",
};

const tooMany: Omit<ProfileProblem, "file"> = {
  code: "profile-syntax",
  line: 1,
  column: 1,
  message: `it has more than ${profileLimits.profileEntries} tables and keys`,
  hint: "split it into several profiles, or let a pattern stand for many routes: [[patterns]]",
};

/** Level by level: it may be too deep to be walked by calls, or too large to be looked at further. */
function excessOf(table: TomlTable): Omit<ProfileProblem, "file"> | undefined {
  let level: readonly unknown[] = [table];
  for (let [depth, entries] = [0, 0]; level.length > 0; depth++) {
    if (depth > profileLimits.profileDepth) return tooDeep;
    const next = level.flatMap((value) => (isNested(value) ? Object.values(value) : []));
    entries += next.length;
    if (entries > profileLimits.profileEntries) return tooMany;
    level = next.filter(isNested);
  }
  return undefined;
}

function isNested(value: unknown): value is object {
  return typeof value === "object" && value !== null && !(value instanceof Date);
}

const quotesHint = 'names with dots or colons need quotes: "grafana.localhost" = …, "127.0.0.1:5432" = …';

const syntaxHints: readonly (readonly [RegExp, string])[] = [
  [/end-of-line/, "one key = value per line"],
  [/second time/, "a key or a table can be given once: remove or rename one of them"],
  [/^invalid value/, 'text needs quotes: "like this"'],
  [/string/, "close the quotes on the same line"],
  [/key at the end|key at : |key-value/, 'a line is written: key = "value", a table is opened by [NAME]'],
  [/illegal character in key|unsafe property/, quotesHint],
  [/expected comma|unfinished/, 'a list is written ["a", "b"], an inline table { a = 1, b = 2 }'],
];

/** A syntax error in one line, quoting the text where it stands. */
function syntaxProblem(error: TomlError, text: string): Omit<ProfileProblem, "file"> {
  const { line, column } = error;
  const reason = (error.message.split("\n")[0] ?? "")
    .replace(/^Invalid TOML document: /, "")
    .replace(/^control characters.* strings/, "unfinished string");
  const lineText = text.split(/\r?\n/)[line - 1] ?? "";
  const rest = lineText.slice(column - 1).trim();
  const where = rest === "" ? "the end of the line" : cut(rest, 40);
  const message = maskSecrets(/redefine/.test(reason) ? `defined a second time: ${lineText.trim()}` : `${reason} at ${where}`);
  return {
    code: "profile-syntax",
    line,
    column,
    message,
    hint: typographicHint(lineText) ?? syntaxHints.find(([pattern]) => pattern.test(message))?.[1],
  };
}
