/** A command with its arguments as one line for the shell that a user logs in with: the only place where words are quoted for a host. */

import { assert } from "#base/errors.ts";

/**
 * SSH has no list of arguments: the user's login shell reads one line. Inside of quotes, a backslash and an exclamation mark mean different
 * things to sh, fish and csh; outside, after a backslash, every one of them takes them as they are.
 */
export function commandLine(argv: readonly string[]): string {
  assert(argv.length > 0 && argv.every((word) => !word.includes("\0")), "a command for a host without words, or with a NUL in one");
  return argv.map(quoted).join(" ");
}

function quoted(word: string): string {
  if (word === "") return "''";
  return word.replace(/['\\!]|[^'\\!]+/g, (part) => (/^['\\!]/.test(part) ? `\\${part}` : bare(part)));
}

/** What no shell gives a meaning to stays readable; "=" would be an assignment in the first word. */
const bare = (part: string): string => (/^[A-Za-z0-9_@+:,./-]+$/.test(part) ? part : `'${part}'`);
