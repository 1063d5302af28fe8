/** Variables as lines that shells and readers of .env files take for exactly these values. */

import type { Variables } from "#daemon/status/plan-env.ts";

export const envFormats = ["sh", "fish", "json", "dotenv"] as const;
export type EnvFormat = (typeof envFormats)[number];

export function formatVariables(variables: Variables, format: EnvFormat): string {
  if (format === "json") return JSON.stringify(variables, undefined, 2);
  const write = { sh: shLine, fish: fishLine, dotenv: dotenvLine }[format];
  return Object.entries(variables)
    .map(([name, value]) => write(name, value))
    .join("\n");
}

/**
 * POSIX single quotes, in which nothing is special. A quote and a backslash stand in double quotes instead: so fish, where
 * both can be escaped in single quotes, reads the same.
 */
function shLine(name: string, value: string): string {
  return `export ${name}=${value.replace(/[^'\\]+|'|\\/g, quotePart) || "''"}`;
}

function quotePart(part: string): string {
  if (part === "'") return `"'"`;
  return part === "\\" ? String.raw`"\\"` : `'${part}'`;
}

/** One line for each, with its semicolon: `eval (kt env …)` joins lines with spaces. Outside of quotes `\n` is a line break. */
function fishLine(name: string, value: string): string {
  const quoted = value.split("\n").map((line) => `'${line.replace(/['\\]/g, "\\$&")}'`);
  return `set -gx ${name} ${quoted.join("\\n")};`;
}

/** What needs no quotes gets none: `docker --env-file` takes quotes for a part of the value. */
const needsNoQuotes = /^[A-Za-z0-9_./:@%+,=-]*$/;

/** There is no standard: single quotes are literal everywhere, and double quotes with backslashes are what most understand. */
function dotenvLine(name: string, value: string): string {
  if (needsNoQuotes.test(value)) return `${name}=${value}`;
  if (!value.includes("'")) return `${name}='${value}'`;
  return `${name}="${value.replace(/["\\$`]/g, "\\$&")}"`;
}

/** Values that readers of .env files disagree about: both kinds of quotes, or a quote and something to escape, or `\\`. */
export function isUnsureInDotenv(value: string): boolean {
  return /\\(?:\\|$)/.test(value) || (value.includes("'") && /["\\$`]/.test(value));
}
