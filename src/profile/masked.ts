/** A profile's text without what may be secret in it, for bug reports: the values of [env] and everything in comments. */

import { parse, stringify, type TomlTable } from "smol-toml";

const mask = "***";

/** The same settings, laid out anew; null for what is no TOML, of which nothing can be known to be harmless. Tells what it masked. */
export function maskedProfile(text: string, onMasked: (value: string) => void): string | null {
  let table: TomlTable;
  try {
    table = parse(text);
  } catch {
    return null;
  }
  if ("env" in table) table["env"] = masked(table["env"], onMasked);
  return stringify(table);
}

function masked(value: unknown, onMasked: (value: string) => void): TomlTable | string {
  if (typeof value === "object" && value !== null && !Array.isArray(value)) {
    return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, masked(inner, onMasked)]));
  }
  if (typeof value === "string") onMasked(value);
  return mask;
}
