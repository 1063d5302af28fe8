/** A tunable is a setting that the profile, a variable of the environment and --set may say alike; a table of them makes a section. */

import * as v from "valibot";
import { parseDuration } from "#profile/values/duration.ts";
import type { Placed } from "#profile/values/placed.ts";
import type { KeyPath } from "#profile/toml/positions.ts";
import type { SectionReader } from "./reader.ts";
import { bySetting, type Section } from "./section.ts";

interface Described {
  /** One sentence or more for the docs, without the default. */
  readonly what: string;
}

/** What a duration may not pass, and how that is said. */
export interface DurationBound {
  readonly ms: number;
  /** Goes on after the quoted value: `is too short for a check`. */
  readonly why: string;
  readonly hint: string;
}

export interface DurationTunable extends Described {
  readonly kind: "duration";
  /** As the profile writes it. */
  readonly fallback: string;
  readonly examples?: readonly string[];
  readonly least?: DurationBound;
  readonly most?: DurationBound;
}

export interface CountTunable extends Described {
  readonly kind: "count";
  readonly fallback: number;
  readonly example?: number;
  readonly least: number;
  readonly most: number;
}

export interface SwitchTunable extends Described {
  readonly kind: "switch";
  readonly fallback: boolean;
}

export type Tunable = DurationTunable | CountTunable | SwitchTunable;
export type Tunables = Readonly<Record<string, Tunable>>;

/** What is written, and what it means: durations are milliseconds. */
type Written<T extends Tunable> = T["kind"] extends "switch" ? boolean : T["kind"] extends "count" ? number : string;
type Meant<T extends Tunable> = T["kind"] extends "switch" ? boolean : number;

type Given<Table extends Tunables> = { readonly [Key in keyof Table]?: Written<Table[Key]> | undefined };

/** Undefined where nothing says it. */
export type Tuned<Table extends Tunables> = { readonly [Key in keyof Table]: Placed<Meant<Table[Key]>> | undefined };

type Shapes<Table extends Tunables> = { readonly [Key in keyof Table]: v.OptionalSchema<v.GenericSchema<Written<Table[Key]>>, undefined> };

export interface TuningSection<Table extends Tunables> extends Section<Given<Table>, Tuned<Table>> {
  readonly tunables: Table;
}

/** A whole section of tunables, under its own name. */
export function tuningSection<const Table extends Tunables>(name: string, what: string, tunables: Table): TuningSection<Table> {
  const shape = v.pipe(v.strictObject(tunableShapes(tunables), "a table"), v.description(what));
  return {
    tunables,
    shape: shape as unknown as v.GenericSchema<unknown, Given<Table>>,
    read: (reader, given = {}) => readTunables(reader, [name], tunables, given),
    merge: bySetting,
  };
}

/** The entries of a table that may hold them. */
export function tunableShapes<Table extends Tunables>(tunables: Table): Shapes<Table> {
  const shapes = Object.entries(tunables).map(([key, tunable]) => [key, v.optional(shapeOf(tunable))]);
  return Object.fromEntries(shapes) as Shapes<Table>;
}

export function readTunables<Table extends Tunables>(
  reader: SectionReader,
  table: KeyPath,
  tunables: Table,
  given: Given<Table>,
): Tuned<Table> {
  const read = Object.entries(tunables).map(([key, tunable]) => [key, readTunable(reader, [...table, key], tunable, given[key])]);
  return Object.fromEntries(read) as Tuned<Table>;
}

/** What holds: what was said, else the default. */
export function effective<Table extends Tunables>(
  tuned: Tuned<Table>,
  tunables: Table,
): { readonly [Key in keyof Table]: Meant<Table[Key]> } {
  const values = Object.entries(tunables).map(([key, tunable]) => [key, tuned[key]?.value ?? fallbackOf(tunable)]);
  return Object.fromEntries(values) as { [Key in keyof Table]: Meant<Table[Key]> };
}

function fallbackOf(tunable: Tunable): number | boolean {
  return tunable.kind === "duration" ? parseDuration(tunable.fallback) : tunable.fallback;
}

/** For people: what may be written. */
export function allowedText(tunable: Tunable): string {
  if (tunable.kind === "switch") return "true or false";
  if (tunable.kind === "duration") return `a duration such as ${durationExamples(tunable).join(" or ")}`;
  return `a whole number from ${tunable.least} to ${tunable.most}`;
}

function durationExamples({ examples, fallback }: DurationTunable): readonly string[] {
  return examples ?? [fallback];
}

function shapeOf(tunable: Tunable): v.GenericSchema {
  const { kind, what, fallback } = tunable;
  const text = `${what} Default: ${JSON.stringify(fallback)}.`;
  if (kind === "switch") return v.pipe(v.boolean("true or false"), v.description(text));
  if (kind === "duration") {
    const examples = durationExamples(tunable);
    return v.pipe(v.string(`a duration such as ${JSON.stringify(examples[0])}`), v.description(text), v.examples([...examples]));
  }
  return v.pipe(
    v.number("a number"),
    v.integer("a whole number"),
    v.minValue(tunable.least, `${tunable.least} or more`),
    v.maxValue(tunable.most, `${tunable.most} or less`),
    v.description(text),
    v.examples([tunable.example ?? tunable.fallback]),
  );
}

function readTunable(
  reader: SectionReader,
  path: KeyPath,
  tunable: Tunable,
  given: string | number | boolean | undefined,
): Placed<number | boolean> | undefined {
  return tunable.kind === "duration"
    ? readDuration(reader, path, tunable, given as string | undefined)
    : reader.asWritten(path, given as number | boolean | undefined);
}

function readDuration(
  reader: SectionReader,
  path: KeyPath,
  { least, most }: DurationTunable,
  text: string | undefined,
): Placed<number> | undefined {
  const parsed = reader.setting(path, text, parseDuration);
  const isShort = parsed !== undefined && least !== undefined && parsed.value < least.ms;
  const isLong = parsed !== undefined && most !== undefined && parsed.value > most.ms;
  const passed = isShort ? least : isLong ? most : undefined;
  return passed === undefined ? parsed : reader.problem(path, `"${text}" ${passed.why}`, { hint: passed.hint });
}
