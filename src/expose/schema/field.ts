/** One description of a field, from which come its part of a CRD, its type, its default, and the check of what a file says. Pure. */

import { isRecord, type Problem, quoted } from "./problem.ts";
import type { OpenApi, Rule } from "./open-api.ts";

/** What may stand in a place, and what is made of it. */
export interface Field<Value> {
  readonly openApi: OpenApi;
  /** Adds what is wrong to the problems; what it returns then counts for nothing. */
  readonly read: (given: unknown, place: string, problems: Problem[]) => Value;
}

export type ValueOf<Of> = Of extends Field<infer Value> ? Value : never;

/** Applies rules where the value is well-formed, as the API server does. */
function checked<Value>(field: Field<Value>, rules: readonly Rule<Value>[]): Field<Value> {
  if (rules.length === 0) return field;
  return {
    openApi: {
      ...field.openApi,
      "x-kubernetes-validations": [
        ...(field.openApi["x-kubernetes-validations"] ?? []),
        ...rules.map(({ cel, message }) => ({ rule: cel, message })),
      ],
    },
    read(given, place, problems) {
      const before = problems.length;
      const value = field.read(given, place, problems);
      if (problems.length > before) return value;
      for (const { holds, message } of rules) if (!holds(value)) problems.push({ place, text: message });
      return value;
    },
  };
}

export interface TextLimits {
  readonly minLength?: number;
  readonly maxLength?: number;
  readonly pattern?: string;
  readonly rules?: readonly Rule<string>[];
}

export function text({ rules = [], ...limits }: TextLimits = {}): Field<string> {
  const { minLength = 0, maxLength = Number.POSITIVE_INFINITY, pattern } = limits;
  const expression = pattern === undefined ? undefined : new RegExp(pattern, "u");
  const read = (given: unknown, place: string, problems: Problem[]): string => {
    if (typeof given !== "string") return wrong(problems, place, `${quoted(given)} is not a text`, "");
    const length = [...given].length;
    if (length < minLength) problems.push({ place, text: "must not be empty" });
    if (length > maxLength) problems.push({ place, text: `has ${length} characters, and ${maxLength} are the most` });
    else if (expression?.test(given) === false) problems.push({ place, text: `${quoted(given)} does not match ${pattern}` });
    return given;
  };
  return checked({ openApi: { type: "string", ...limits }, read }, rules);
}

export interface IntegerLimits {
  readonly format?: "int32" | "int64";
  readonly minimum?: number;
  readonly maximum?: number;
  readonly rules?: readonly Rule<number>[];
}

export function integer({ format = "int32", rules = [], ...range }: IntegerLimits = {}): Field<number> {
  const widest = format === "int32" ? 2 ** 31 - 1 : Number.MAX_SAFE_INTEGER;
  const { minimum = -widest, maximum = widest } = range;
  const read = (given: unknown, place: string, problems: Problem[]): number => {
    if (typeof given !== "number" || !Number.isInteger(given)) return wrong(problems, place, `${quoted(given)} is not a whole number`, 0);
    if (given < minimum) problems.push({ place, text: `${given} is less than ${minimum}` });
    if (given > maximum) problems.push({ place, text: `${given} is more than ${maximum}` });
    return given;
  };
  return checked({ openApi: { type: "integer", format, ...range }, read }, rules);
}

/** One of some numbers. */
export function oneNumber<const Value extends number>(values: readonly Value[]): Field<Value> {
  return {
    openApi: { type: "integer", format: "int32", enum: values },
    read: (given, place, problems) => known(values, given, place, problems),
  };
}

export function choice<const Value extends string>(values: readonly Value[]): Field<Value> {
  return { openApi: { type: "string", enum: values }, read: (given, place, problems) => known(values, given, place, problems) };
}

function known<Value>(values: readonly Value[], given: unknown, place: string, problems: Problem[]): Value {
  const found = values.find((value) => value === given);
  if (found === undefined) problems.push({ place, text: `${quoted(given)} is not one of ${values.join(", ")}` });
  return found ?? (values[0] as Value);
}

export const flag: Field<boolean> = {
  openApi: { type: "boolean" },
  read(given, place, problems) {
    return typeof given === "boolean" ? given : wrong(problems, place, `${quoted(given)} is neither true nor false`, false);
  },
};

/** An amount of a resource, such as 100m or 2. */
export const quantity: Field<string | number> = {
  openApi: {
    anyOf: [{ type: "integer" }, { type: "string" }],
    pattern: "^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$",
    "x-kubernetes-int-or-string": true,
  },
  read(given, place, problems) {
    if (Number.isInteger(given)) return given as number;
    if (typeof given === "string" && /^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$/.test(given)) return given;
    return wrong(problems, place, `${quoted(given)} is not an amount such as 100m or 128Mi`, 0);
  },
};

export interface ListLimits<Item> {
  readonly maxItems?: number;
  /** These fields together are the name of an item. */
  readonly keys?: readonly string[];
  /** No item comes twice. */
  readonly isSet?: boolean;
  readonly rules?: readonly Rule<readonly Item[]>[];
}

export function list<Item>(item: Field<Item>, { maxItems, keys, isSet, rules = [] }: ListLimits<Item> = {}): Field<readonly Item[]> {
  const openApi: OpenApi = {
    type: "array",
    ...(maxItems !== undefined && { maxItems }),
    ...(keys && { "x-kubernetes-list-type": "map" as const, "x-kubernetes-list-map-keys": keys }),
    ...(isSet === true && { "x-kubernetes-list-type": "set" as const }),
    items: item.openApi,
  };
  const read = (given: unknown, place: string, problems: Problem[]): readonly Item[] => {
    if (!Array.isArray(given)) return wrong(problems, place, `${quoted(given)} is not a list`, []);
    if (given.length > (maxItems ?? given.length))
      problems.push({ place, text: `has ${given.length} items, and ${maxItems} are the most` });
    const seen = new Set<string>();
    return given.map((each: unknown, index) => {
      const value = item.read(each, `${place}[${index}]`, problems);
      const key = keyOf(each, keys, isSet);
      if (key !== undefined && seen.has(key)) problems.push({ place: `${place}[${index}]`, text: `is there twice: ${key}` });
      if (key !== undefined) seen.add(key);
      return value;
    });
  };
  return checked({ openApi, read }, rules);
}

function keyOf(item: unknown, keys: readonly string[] | undefined, isSet = false): string | undefined {
  if (isSet) return quoted(item);
  if (!keys || !isRecord(item)) return undefined;
  return keys.map((key) => `${key} ${quoted(item[key])}`).join(", ");
}

/** Names that the user chooses, each with a value of one kind. */
export function mapOf<Item>(item: Field<Item>): Field<Readonly<Record<string, Item>>> {
  return {
    openApi: { type: "object", additionalProperties: item.openApi },
    read(given, place, problems) {
      if (!isRecord(given)) return wrong(problems, place, `${quoted(given)} is not an object`, {});
      return Object.fromEntries(Object.entries(given).map(([key, each]) => [key, item.read(each, `${place}.${key}`, problems)]));
    },
  };
}

/** A field of an object: its meaning, and whether it may be absent. */
export interface Entry<Value> {
  readonly description: string;
  readonly field: Field<unknown>;
  readonly presence: "required" | "optional" | "filled";
  readonly fallback?: unknown;
  readonly read: Field<Value>["read"];
}

export function required<Value>(description: string, field: Field<Value>): Entry<Value> {
  return {
    description,
    field,
    presence: "required",
    read: (given, place, problems) =>
      given === undefined ? wrong(problems, place, "is missing", given as Value) : field.read(given, place, problems),
  };
}

export function optional<Value>(description: string, field: Field<Value>): Entry<Value | undefined> {
  return {
    description,
    field,
    presence: "optional",
    read: (given, place, problems) => (given === undefined ? undefined : field.read(given, place, problems)),
  };
}

/** The API server fills in the default, also where the object around it is absent, if that has a default itself: `{}`. */
export function filled<Value>(description: string, field: Field<Value>, fallback: unknown): Entry<Value> {
  return {
    description,
    field,
    presence: "filled",
    fallback,
    read: (given, place, problems) => field.read(given ?? fallback, place, problems),
  };
}

type Entries = Readonly<Record<string, Entry<unknown>>>;
export type ObjectOf<Of extends Entries> = { readonly [Key in keyof Of]: Of[Key] extends Entry<infer Value> ? Value : never };

/** Unknown fields are dropped, as the API server does. */
export function object<Of extends Entries>(entries: Of, rules: readonly Rule<ObjectOf<Of>>[] = []): Field<ObjectOf<Of>> {
  const all = Object.entries(entries);
  const needed = all.filter(([, { presence }]) => presence === "required").map(([name]) => name);
  const properties = all.map(([name, { description, field, presence, fallback }]): readonly [string, OpenApi] => [
    name,
    { description, ...field.openApi, ...(presence === "filled" && { default: fallback }) },
  ]);
  const openApi: OpenApi = {
    type: "object",
    ...(needed.length > 0 && { required: needed }),
    properties: Object.fromEntries(properties),
  };
  const read = (given: unknown, place: string, problems: Problem[]): ObjectOf<Of> => {
    // An explicit null is what an absent field is.
    const from = isRecord(given) ? given : wrong(problems, place, `${quoted(given)} is not an object`, {});
    const below = (name: string): string => (place === "" ? name : `${place}.${name}`);
    const values = all.map(([name, entry]) => [name, entry.read(own(from, name), below(name), problems)]);
    return Object.fromEntries(values) as ObjectOf<Of>;
  };
  return checked({ openApi, read }, rules);
}

function own(from: Readonly<Record<string, unknown>>, name: string): unknown {
  return Object.hasOwn(from, name) ? (from[name] ?? undefined) : undefined;
}

function wrong<Value>(problems: Problem[], place: string, why: string, instead: Value): Value {
  problems.push({ place, text: why });
  return instead;
}
