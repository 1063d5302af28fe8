/** The JSON Schema says of every golden profile what kt itself says of its shape. */

import { describe, expect, test } from "bun:test";
import { join } from "node:path";
import { Glob, file } from "bun";
import { TomlError, parse } from "smol-toml";
import { jsonSchema } from "#profile/schema/json-schema.ts";
import { profileSchema } from "#profile/schema/schema.ts";
import { checkShape } from "#profile/schema/shape.ts";

interface Schema {
  readonly type?: string;
  readonly enum?: readonly unknown[];
  readonly anyOf?: readonly Schema[];
  readonly items?: Schema;
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly additionalProperties?: Schema | false;
  readonly required?: readonly string[];
  readonly minimum?: number;
  readonly maximum?: number;
  readonly description?: string;
  readonly examples?: readonly unknown[];
}

const schema = jsonSchema() as Schema;

function typeOf(value: unknown): string {
  if (Array.isArray(value)) return "array";
  if (value instanceof Date) return "date";
  return Number.isInteger(value) ? "integer" : typeof value;
}

function fitsObject(value: Readonly<Record<string, unknown>>, { properties = {}, additionalProperties, required = [] }: Schema): boolean {
  if (required.some((key) => !Object.hasOwn(value, key))) return false;
  return Object.entries(value).every(([key, inner]) => {
    const wanted = Object.hasOwn(properties, key) ? properties[key] : additionalProperties;
    return wanted === undefined || (wanted !== false && fits(inner, wanted));
  });
}

/** As much of draft-07 as the schema uses. */
function fits(value: unknown, wanted: Schema): boolean {
  if (wanted.anyOf) return wanted.anyOf.some((option) => fits(value, option));
  if (wanted.enum) return wanted.enum.includes(value);
  const type = typeOf(value);
  if (type !== wanted.type && !(type === "integer" && wanted.type === "number")) return false;
  if (Array.isArray(value)) return value.every((item) => fits(item, wanted.items ?? {}));
  if (typeof value === "number") return value >= (wanted.minimum ?? value) && value <= (wanted.maximum ?? value);
  return typeof value !== "object" || value === null || fitsObject({ ...value }, wanted);
}

function tableIn(text: string): Record<string, unknown> | undefined {
  try {
    return parse(text, { unsafeKeyBehaviour: "throw" });
  } catch (thrown) {
    if (thrown instanceof TomlError) return undefined;
    throw thrown;
  }
}

async function goldenTables(): Promise<Record<string, unknown>[]> {
  const directory = join(import.meta.dir, "../golden");
  const names = await Array.fromAsync(new Glob("*.txt").scan(directory));
  const texts = await Promise.all(names.sort().map((name) => file(join(directory, name)).text()));
  const files = texts.flatMap((text) => (text.split("\n----\n")[0] ?? "").split(/^-- .+ --$/m).slice(1));
  return files.map(tableIn).filter((table) => table !== undefined);
}

function describeAll(wanted: Schema): Schema[] {
  const inner = [...Object.values(wanted.properties ?? {}), ...(wanted.anyOf ?? []), ...(wanted.items ? [wanted.items] : [])];
  return [wanted, ...inner.flatMap(describeAll)];
}

describe("the JSON Schema", () => {
  test("accepts what kt's own schema accepts, and nothing else", async () => {
    const tables = await goldenTables();
    const verdicts = tables.map((table) => [fits(table, schema), checkShape(table, profileSchema).problems.length === 0]);
    for (const [theirs, ours] of verdicts) expect(theirs).toBe(ours);
    expect(verdicts.filter(([theirs]) => theirs).length).toBeGreaterThan(20);
    expect(verdicts.filter(([theirs]) => !theirs).length).toBeGreaterThan(5);
  });

  test("describes every key at the top", () => {
    for (const [key, { description }] of Object.entries(schema.properties ?? {}))
      expect([key, description]).toEqual([key, expect.any(String)]);
  });

  test("has examples that fit", () => {
    const parts = describeAll(schema).filter(({ examples }) => examples !== undefined);
    expect(parts.length).toBeGreaterThan(8);
    for (const part of parts) for (const example of part.examples ?? []) expect(fits(example, part)).toBe(true);
  });

  test("is plain JSON", () => {
    expect(JSON.parse(JSON.stringify(jsonSchema()))).toEqual(jsonSchema());
    expect(schema).toMatchObject({ type: "object", additionalProperties: false, title: "tunnels.toml" });
  });
});
