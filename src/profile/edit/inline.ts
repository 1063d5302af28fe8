/** Edits an inline table such as `tcp = { 5432 = "…" }`: puts an entry in, and takes one out. */

import { isWithin, type KeyPath, type Statement, statementsOf } from "#profile/toml/scan.ts";

/** `table` is the statement whose value the inline table is. */
export function addInline(text: string, table: Statement, pair: string): string {
  const last = table.entries?.at(-1);
  if (last === undefined) {
    const close = table.to - 1;
    return splice(text, close, close, `${text[close - 1] === "{" ? " " : ""}${pair} `);
  }
  const line = ownLine(text, last);
  if (line === undefined || !line.hasComma) return splice(text, last.to, last.to, `, ${pair}`);
  const lineText = text.slice(line.begin, line.end);
  const indent = /^[ \t]*/.exec(lineText)?.[0] ?? "";
  return splice(text, line.end, line.end, `${indent}${pair},${/\r?\n$/.exec(lineText)?.[0] ?? ""}`);
}

/** Takes out every entry at this path or below it, if its section is an inline table. */
export function removeInline(text: string, path: KeyPath): string {
  for (let rest = text; ; ) {
    const table = statementsOf(rest).find((statement) => statement.path.length === 1 && statement.path[0] === path[0] && statement.entries);
    const index = table?.entries?.findLastIndex((entry) => isWithin(entry.path, path)) ?? -1;
    const entry = table?.entries?.[index];
    if (!entry) return rest;
    rest = removeEntry(rest, entry, table?.entries?.[index - 1]);
  }
}

function removeEntry(text: string, entry: Statement, previous: Statement | undefined): string {
  const line = ownLine(text, entry);
  if (line) return splice(text, line.begin, line.end, "");
  if (previous && /^\s*,[ \t]*$/.test(text.slice(previous.to, entry.from))) return splice(text, previous.to, entry.to, "");
  const rest = /^[ \t]*,?[ \t]*/.exec(text.slice(entry.to))?.[0] ?? "";
  return splice(text, entry.from, entry.to + rest.length, "");
}

interface OwnLine {
  readonly begin: number;
  /** Behind the line end. */
  readonly end: number;
  readonly hasComma: boolean;
}

/** The lines of an entry that shares them with no other. */
function ownLine(text: string, { from, to }: Statement): OwnLine | undefined {
  const begin = text.lastIndexOf("\n", from) + 1;
  const rest = /^[ \t]*(,?)[ \t]*(?:#.*)?\r?\n/.exec(text.slice(to));
  if (!rest || text.slice(begin, from).trim() !== "") return undefined;
  return { begin, end: to + rest[0].length, hasComma: rest[1] === "," };
}

function splice(text: string, from: number, to: number, inserted: string): string {
  return text.slice(0, from) + inserted + text.slice(to);
}
