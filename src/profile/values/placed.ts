/** What a profile's file says, with the place where it says it. */

import type { ErrorCode } from "#base/error-facts.ts";
import type { KeyPath } from "#profile/toml/positions.ts";
import type { Position } from "./problems.ts";

export interface ProblemOptions {
  readonly code?: ErrorCode;
  readonly hint?: string | undefined;
  /** Default: the value. */
  readonly at?: "key" | "value";
  /** A part of the value to point at. */
  readonly part?: string;
}

/** A profile's file to those who judge what stands in it. Problems are collected, not thrown, so that a person sees all of them at once. */
export interface ProfileSource {
  /** Absolute path, or `kt:NAME`. */
  readonly file: string;
  /** What relative paths in the file start from. */
  readonly directory: string;
  /** One that comes with kt. */
  readonly isShipped: boolean;
  /** Where the key stands. */
  key(path: KeyPath): Position;
  /** Where the value stands. */
  value(path: KeyPath): Position;
  problem(path: KeyPath, message: string, options?: ProblemOptions): void;
  /** Runs a parser that throws KtError; its error becomes a problem at the path, and the answer undefined. */
  attempt<T>(path: KeyPath, at: "key" | "value", work: () => T): T | undefined;
  /** The text there as it was written, before variables were filled in. */
  textAt(path: KeyPath): string;
}

/** A value and where it was written. */
export interface Placed<T> {
  readonly value: T;
  readonly at: Position;
  readonly source: ProfileSource;
  readonly path: KeyPath;
}
