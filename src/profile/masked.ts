/** A profile's text without what may be secret in it, for bug reports: only what kt knows to be a setting keeps its value. */

import { parse, stringify, type TomlTable } from "smol-toml";
import { mask } from "#base/mask.ts";
import { profileSchema } from "#profile/schema/schema.ts";
import { schemaAt } from "#profile/schema/schema-walk.ts";

/** The same settings, laid out anew; null for what is not TOML, of which nothing is known to be harmless. Reports what it masked. */
export function maskedProfile(text: string, onMasked: (value: string) => void): string | null {
  let table: TomlTable;
  try {
    table = parse(text);
  } catch {
    return null;
  }
  return stringify(masked(table, [], onMasked));
}

function masked(value: unknown, path: readonly string[], onMasked: (value: string) => void): unknown {
  if (Array.isArray(value)) return value.map((item, index) => masked(item, [...path, String(index)], onMasked));
  if (typeof value === "object" && value !== null && !(value instanceof Date)) {
    return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, masked(inner, [...path, key], onMasked)]));
  }
  if (isHarmless(path)) return value;
  onMasked(String(value));
  return mask;
}

/** Commands and variables may have anything in them; so may settings that kt does not know. */
function isHarmless(path: readonly string[]): boolean {
  return path[0] !== "env" && !path.includes("command") && schemaAt(profileSchema, path) !== undefined;
}
