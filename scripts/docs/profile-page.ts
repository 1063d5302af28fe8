/** docs/profile.md: every key of tunnels.toml, from the schema that kt itself holds profiles against. */

import { type GenericSchema, getDescription, getExamples } from "valibot";
import { profileSchema } from "#profile/schema/schema.ts";
import { shippedProfiles } from "#profile/read/shipped.ts";
import { isOptional, nodeOf, unwrap } from "#profile/schema/schema-walk.ts";
import { code, fence, madeFrom, page, table } from "./markdown.ts";

const intro = [
  "# The profile: tunnels.toml",
  "A profile says what a project wants to reach. kt takes the nearest `tunnels.toml` in this folder or above, or the file that `-f` names. All keys are optional; an unknown one is an error that names the nearest known key. `kt check` reads a profile over, and `kt schema` prints this page as a JSON Schema, for editors.",
  "`tunnels.local.toml` beside it is laid over it, key by key, and is for one person: do not commit it. `extends` lays the profile over others.",
  "In every text, `${VAR}` and `${VAR:-default}` are filled from the environment of the shell that ran `kt up`; `$$` is a dollar, so `$${VAR}` stays `${VAR}`.",
  "When several entries fit a hostname, the first of these counts: a name under `[routes]`, a pattern, the built-in `{service}-{port}.svc.{namespace}.ns.{context}.cx.k8s.localhost`. Nothing is guessed: a name that can be read in two ways gets a page that says how to write it.",
];

interface Key {
  /** As written in the file: `via.pod` for a key of a table within. */
  readonly name: string;
  readonly schema: GenericSchema;
}

export function profilePage(): string {
  const keys = entriesOf(profileSchema, "");
  const settings = keys.filter(({ schema }) => !isTable(schema));
  const tables = keys.filter(({ schema }) => isTable(schema));
  return page([
    madeFrom("src/profile/sections"),
    ...intro,
    "## Settings",
    "They stand at the top of the file, before the first `[table]`.",
    ...keyTable(settings),
    ...fence("toml", settings.flatMap(exampleLines)),
    ...tables.flatMap(tableSection),
    "## Shipped profiles",
    "For `extends`, by name. `kt init` offers those that fit the cluster.",
    ...table(["name", "what it reaches"], [...shippedProfiles].map(shippedRow)),
  ]);
}

/** A shipped profile begins with a comment whose first line says what it is for. */
function shippedRow([name, text]: readonly [string, string]): string[] {
  const [, what = ""] = /^# (.*?)[.:,;]?\n/.exec(text) ?? [];
  return [`[${code(`kt:${name}`)}](../profiles/${name}.toml)`, `${what}.`];
}

function entriesOf(schema: GenericSchema, prefix: string): Key[] {
  const node = nodeOf(schema);
  if (node.kind === "union") return node.options.flatMap((option) => entriesOf(option, prefix));
  return node.kind === "object" ? [...node.entries].map(([name, entry]) => ({ name: prefix + name, schema: entry })) : [];
}

/** True of what stands under a header of its own in the file: [routes], [[patterns]]. */
function isTable(schema: GenericSchema): boolean {
  const node = nodeOf(schema);
  return node.kind === "record" || node.kind === "object" || (node.kind === "array" && nodeOf(node.item).kind === "object");
}

function keyTable(keys: readonly Key[]): string[] {
  return table(["key", "value", "default", "what it is"], keys.flatMap(rows));
}

/** The row of a key, and below it those of the table that it may hold. */
function rows({ name, schema }: Key): string[][] {
  const { text, fallback } = describe(schema);
  const inner = entriesOf(unwrap(schema), `${name}.`);
  return [[code(name), typeOf(schema), isOptional(schema) ? fallback : "required", text], ...inner.flatMap(rows)];
}

/** The schema's own words for what it wants, as errors say them. */
function typeOf(schema: GenericSchema): string {
  const inner = unwrap(schema);
  return "message" in inner && typeof inner.message === "string" ? inner.message : nodeOf(schema).kind;
}

/** A description says its default in its last sentence. */
function describe(schema: GenericSchema): { readonly text: string; readonly fallback: string } {
  const description = getDescription(unwrap(schema)) ?? "";
  const [text = "", fallback = ""] = description.split(/ ?Default: /);
  return { text: text.replaceAll(/\$\{[^}]*\}/g, code), fallback: fallback.replace(/\.$/, "") };
}

function tableSection({ name, schema }: Key): string[] {
  const node = nodeOf(schema);
  const { text } = describe(schema);
  if (node.kind === "object") return [`## [${name}]`, text, ...keyTable(entriesOf(schema, "")), ...tableExample(`[${name}]`, schema)];
  if (node.kind === "array")
    return [`## [[${name}]]`, text, ...keyTable(entriesOf(node.item, "")), ...tableExample(`[[${name}]]`, node.item)];
  if (node.kind !== "record") return [];
  const short = exampleTable(name, schema);
  const long = entriesOf(node.value, "");
  if (long.length === 0) return [`## [${name}]`, text, ...short];
  const header = `[${name}.${firstKey(schema)}]`;
  return [
    `## [${name}]`,
    text,
    ...short,
    `The long form is a table, ${code(header)}:`,
    ...keyTable(long),
    ...longExample(header, node.value),
  ];
}

/** What the example of a table speaks of in others. */
const companions: Readonly<Record<string, readonly string[]>> = { env: ["routes", "tcp"] };

/** The example of a record: its entries below its header, and above them what they speak of. */
function exampleTable(name: string, schema: GenericSchema): string[] {
  const others = entriesOf(profileSchema, "").filter((key) => companions[name]?.includes(key.name));
  return fence("toml", [...others, { name, schema }].flatMap(recordLines));
}

function recordLines({ name, schema }: Key): string[] {
  const entries = examplesOf(schema).flatMap((example) => Object.entries(example ?? {}));
  return entries.length === 0 ? [] : [`[${name}]`, ...entries.map(([key, value]) => `${tomlKey(key)} = ${toml(value)}`)];
}

/** The example of a table: its keys that have one. */
function tableExample(header: string, schema: GenericSchema): string[] {
  const lines = entriesOf(schema, "").flatMap(exampleLines);
  return fence("toml", lines.length === 0 ? [] : [header, ...lines]);
}

/** One block for each example of the long form, or one made of its keys' examples. */
function longExample(header: string, value: GenericSchema): string[] {
  const node = nodeOf(value);
  const options = node.kind === "union" ? node.options : [value];
  return options
    .filter((option) => nodeOf(option).kind === "object")
    .flatMap((option) => {
      const whole = examplesOf(option);
      if (whole.length === 0) return tableExample(header, option);
      return whole.flatMap((example) =>
        fence("toml", [header, ...Object.entries(example ?? {}).map(([key, each]) => `${tomlKey(key)} = ${toml(each)}`)]),
      );
    });
}

function firstKey(schema: GenericSchema): string {
  const [example] = examplesOf(schema);
  return tomlKey(Object.keys(example ?? {})[0] ?? "NAME");
}

/** The first example as a line of the file, with the others in a comment. */
function exampleLines({ name, schema }: Key): string[] {
  const [first, ...others] = examplesOf(schema);
  if (first === undefined) return [];
  const comment = others.length === 0 ? "" : ` # or ${others.map(toml).join(", ")}`;
  return [`${tomlKey(name)} = ${toml(first)}${comment}`];
}

function examplesOf(schema: GenericSchema): readonly unknown[] {
  return getExamples(unwrap(schema));
}

function tomlKey(key: string): string {
  return /^[A-Za-z0-9_-]+$/.test(key) ? key : JSON.stringify(key);
}

function toml(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(toml).join(", ")}]`;
  if (typeof value !== "object" || value === null) return JSON.stringify(value);
  return `{ ${Object.entries(value)
    .map(([key, each]) => `${tomlKey(key)} = ${toml(each)}`)
    .join(", ")} }`;
}
