/** Holds a parsed table against the schema and says in the user's terms what does not fit. */

import { type BaseIssue, safeParse } from "valibot";
import { nearest } from "#base/nearest.ts";
import type { KeyPath } from "#profile/toml/positions.ts";
import type { ProfileSchema, ProfileTable } from "./schema.ts";
import { isList, keysAt, nodeOf } from "./schema-walk.ts";

export interface ShapeProblem {
  readonly path: KeyPath;
  /** Which of the two the problem is about. */
  readonly at: "key" | "value";
  readonly message: string;
  readonly hint: string | undefined;
}

/** What the format has and this version does not know. */
const comingLater: Readonly<Record<string, string>> = {
  edge: "this version of kt does not know [edge]",
};

type Table = Readonly<Record<string, unknown>>;

function isTable(value: unknown): value is Table {
  return typeof value === "object" && value !== null && !Array.isArray(value) && !(value instanceof Date);
}

function describe(value: unknown): string {
  if (Array.isArray(value)) return "a list";
  if (isTable(value)) return "a table";
  if (value instanceof Date) return "a date";
  return typeof value === "string" ? `the text "${value}"` : `${typeof value === "number" ? "the number " : ""}${String(value)}`;
}

/** `grafana.localhost` out of the nested tables that a name without quotes makes. */
function unquotedName(start: string, value: unknown): string {
  const keys = isTable(value) ? Object.keys(value) : [];
  const [only] = keys;
  return only === undefined || keys.length > 1 || only === "target"
    ? start
    : unquotedName(`${start}.${only}`, isTable(value) ? value[only] : undefined);
}

function pathOf(issue: BaseIssue<unknown>): string[] {
  return (issue.path ?? []).map((item) => String(item.key));
}

/** The value that holds the last key of the issue's path. */
function tableOf(issue: BaseIssue<unknown>): Table {
  const input = issue.path?.at(-1)?.input;
  return isTable(input) ? input : {};
}

/** Says what a schema does not let through. */
class Translator {
  readonly #schema: ProfileSchema;

  constructor(schema: ProfileSchema) {
    this.#schema = schema;
  }

  translate(issue: BaseIssue<unknown>, above: KeyPath = []): ShapeProblem[] {
    const path = [...above, ...pathOf(issue)];
    if (issue.type === "strict_object" && issue.path?.at(-1)?.origin === "key") return this.#translateKey(issue, path);
    const container = isTable(issue.input) ? "object" : Array.isArray(issue.input) ? "array" : undefined;
    const inside = (issue.issues ?? []).filter((sub) => sub.path?.[0].type === container);
    if (issue.type === "union" && container !== undefined && inside.length > 0) return inside.flatMap((sub) => this.translate(sub, path));
    const message = `"${this.#nameOf(path)}" must be ${issue.message}, not ${describe(issue.input)}`;
    return [{ path, at: "value", message, hint: undefined }];
  }

  #translateKey(issue: BaseIssue<unknown>, path: KeyPath): ShapeProblem[] {
    const table = path.slice(0, -1);
    const unknown = this.#unknownKeys(table, tableOf(issue));
    if (issue.expected === "never") return unknown;
    // A missing key beside an unknown one is most often the same slip.
    if (unknown.length > 0) return [];
    return [{ path: table, at: "key", message: `"${this.#nameOf(table)}" has no ${path.at(-1) ?? ""}`, hint: undefined }];
  }

  /** The last key, or of a list's item the list's. */
  #nameOf(path: KeyPath): string {
    const above = path.slice(0, -1);
    return isList(this.#schema, above) ? this.#nameOf(above) : (path.at(-1) ?? "");
  }

  /** Every unknown key of a table: valibot stops at the first. */
  #unknownKeys(table: KeyPath, value: Table): ShapeProblem[] {
    const known = keysAt(this.#schema, table);
    return Object.keys(value)
      .filter((key) => !known.includes(key))
      .map((key) => this.#unknownKey(table, key, value[key]));
  }

  #unknownKey(table: KeyPath, key: string, value: unknown): ShapeProblem {
    const later = Object.hasOwn(comingLater, key) ? comingLater[key] : undefined;
    return { path: [...table, key], at: "key", message: `unknown key "${key}"`, hint: later ?? this.#hintFor(table, key, value) };
  }

  #hintFor(table: KeyPath, key: string, value: unknown): string | undefined {
    const known = keysAt(this.#schema, table);
    if (table[0] === "tcp" && key === "tls")
      return 'a TCP route carries TLS as it is; kt speaks it for names only: tls = "terminate" under [routes]';
    const near = nearest(key, known);
    if (near !== undefined) return `did you mean "${near}"?`;
    if (table[0] === "routes" && table.length === 2 && !table[1]?.includes("."))
      return `a name with dots is written in quotes: "${unquotedName(`${table[1]}.${key}`, value)}"`;
    const top = keysAt(this.#schema, []);
    if (table.length > 0 && top.includes(key)) return `"${key}" belongs at the top of the file, before the first [table]`;
    if (table.length === 0 && keysAt(this.#schema, ["http"]).includes(key)) return `"${key}" belongs under [http]`;
    return known.length > 0 ? `known here: ${known.join(", ")}` : undefined;
  }
}

/** Keys to take away, as a tree: a table goes whole where it has no branches. */
type Removal = Map<string, Removal>;

/** A route whose jump host is refused goes with it: without, its target would be refused once more. */
function addRemoval(root: Removal, { path }: ShapeProblem): Removal {
  const keys = path[2] === "via" ? path.slice(0, 2) : path;
  let node = root;
  for (const [index, key] of keys.entries()) {
    const inner = node.get(key);
    if (inner?.size === 0) break;
    const next: Removal = index === keys.length - 1 ? new Map() : (inner ?? new Map());
    node.set(key, next);
    node = next;
  }
  return root;
}

function withoutProblems(table: Table, problems: readonly ShapeProblem[]): Table {
  if (problems.some(({ path }) => path.length === 0)) return {};
  return problems.length === 0 ? table : (without(table, problems.reduce(addRemoval, new Map())) ?? {});
}

/** A copy without the branches; of a list, without the list, so that no other item changes its place. */
function without(value: unknown, removal: Removal): Table | undefined {
  if (removal.size === 0 || !isTable(value)) return undefined;
  const entries = Object.entries(value).map(([key, inner]) => {
    const branch = removal.get(key);
    return [key, branch === undefined ? inner : without(inner, branch)] as const;
  });
  return Object.fromEntries(entries.filter(([, inner]) => inner !== undefined));
}

/** Lists where a table is wanted: valibot takes them for tables with the keys 0, 1, 2. */
function listsForTables(table: Table, schema: ProfileSchema): ShapeProblem[] {
  const topLevel = nodeOf(schema);
  const wanted = topLevel.kind === "object" ? [...topLevel.entries].filter(([, entry]) => /object|record/.test(nodeOf(entry).kind)) : [];
  return wanted
    .filter(([key]) => Array.isArray(table[key]))
    .map(([key]) => ({
      path: [key],
      at: "value",
      message: `"${key}" must be a table, not a list`,
      hint: `open it by [${key}] on a line of its own`,
    }));
}

/** Everything that does not fit, and the table without it: so the rest can be checked further. */
export function checkShape(
  table: Table,
  schema: ProfileSchema,
): {
  readonly table: ProfileTable;
  readonly problems: readonly ShapeProblem[];
} {
  const lists = listsForTables(table, schema);
  const result = safeParse(schema, withoutProblems(table, lists));
  if (result.success) return { table: result.output, problems: lists };
  const translator = new Translator(schema);
  const problems = [...lists, ...result.issues.flatMap((issue) => translator.translate(issue))];
  // Taking away an unknown key can leave a table that lacks a needed one: that has been said already.
  return { table: checkShape(withoutProblems(table, problems), schema).table, problems };
}
