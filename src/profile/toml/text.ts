/** Writes names and values as TOML. */

export type TomlValue = string | boolean | readonly string[] | TomlInline;

/** An inline table. */
export interface TomlInline {
  readonly [key: string]: TomlValue;
}

/** A basic string. JSON's escapes are a part of TOML's. */
export function tomlString(text: string): string {
  return JSON.stringify(text).replaceAll("\u007f", "\\u007f");
}

/** In quotes only where that is needed. */
export function tomlKey(name: string): string {
  return /^[A-Za-z0-9_-]+$/.test(name) ? name : tomlString(name);
}

export function tomlPair(key: string, value: TomlValue): string {
  return `${tomlKey(key)} = ${tomlValue(value)}`;
}

export function tomlValue(value: TomlValue): string {
  if (typeof value === "string") return tomlString(value);
  if (typeof value === "boolean") return String(value);
  if (isList(value)) return `[${value.map(tomlString).join(", ")}]`;
  const pairs = Object.entries(value).map(([key, inner]) => tomlPair(key, inner));
  return pairs.length === 0 ? "{}" : `{ ${pairs.join(", ")} }`;
}

function isList(value: readonly string[] | TomlInline): value is readonly string[] {
  return Array.isArray(value);
}
