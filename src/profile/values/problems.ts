/** What is wrong with a profile: every problem with its place, and the error that carries them all. */

import { relative } from "node:path";
import type { ErrorCode } from "#base/error-facts.ts";
import { KtError } from "#base/errors.ts";

export interface Position {
  /** Absolute path, `kt:NAME`, or what says a setting outside of files: a variable's name, `--set KEY`. */
  readonly file: string;
  /** From 1; 0 where it is not a file. */
  readonly line: number;
  /** From 1, in UTF-16 units; 0 where it is not a file. */
  readonly column: number;
}

export interface ProfileProblem extends Position {
  readonly code: ErrorCode;
  readonly message: string;
  readonly hint: string | undefined;
}

/** The path as a person in `directory` would write it. */
function displayPath(file: string, directory: string): string {
  if (!file.startsWith("/")) return file;
  const path = relative(directory, file);
  return path.startsWith("../../..") ? file : path;
}

/** `tunnels.toml:12:3`, the file seen from `directory`. */
export function formatPlace({ file, line, column }: Position, directory: string): string {
  if (line === 0) return file;
  return `${displayPath(file, directory)}:${line}:${column}`;
}

/** `tunnels.toml:12:3: unknown key "taget"`, the file seen from `directory`. */
export function formatProblem(problem: Position & { readonly message: string }, directory: string): string {
  return `${formatPlace(problem, directory)}: ${problem.message}`;
}

/** A profile that cannot be used. `message` is the first problem; `problems` has them all, in the order of the files. */
export class ProfileError extends KtError {
  readonly problems: readonly ProfileProblem[];
  /** Absolute paths of the files that were read or looked for: a change in one may repair the profile. */
  readonly files: readonly string[];

  constructor(problems: readonly [ProfileProblem, ...ProfileProblem[]], files: readonly string[], directory: string) {
    const [first] = problems;
    const more = problems.length === 1 ? "" : ` (and ${problems.length - 1} more)`;
    super(first.code, `${formatProblem(first, directory)}${more}`, { hints: first.hint === undefined ? [] : [first.hint] });
    this.problems = problems;
    this.files = files;
  }
}
