/** `kt complete`: what may come next on a command line, for the script of a shell. It never complains and never keeps the shell waiting. */

import { printable } from "#base/printable.ts";
import type { CommandContext, CommandTable } from "#cli/command.ts";
import { bashReplies, readBashLine } from "#cli/completion/bash.ts";
import { type Answer, answerFor, type Lookup, type Offer } from "#cli/completion/offers.ts";
import { exitCodes } from "#cli/exit.ts";
import type { Output } from "#cli/screen/output.ts";

/** bash hands over its line, its cursor and its word breaks; the others the words behind `kt` up to the cursor. */
export async function complete({ args, output, table }: CommandContext): Promise<number> {
  const [shell, ...rest] = args;
  const [line = "", point = "", wordBreaks = ""] = rest;
  if (shell === "bash") {
    const read = readBashLine(line, Number(point));
    tell(await answer(read.words, table), ":command", output, (offers) => bashReplies(offers, read, wordBreaks));
  } else {
    const found = await answer(rest, table);
    // One more for the name of kt itself, which the shells have as the first word.
    const command = found.kind === "command" ? `:command ${found.from + 1}` : "";
    tell(found, command, output, (offers) => offers.map(({ value, about }) => `${value}\t${printable(about)}`));
  }
  return exitCodes.done;
}

function tell(found: Answer, command: string, output: Output, linesFor: (offers: readonly Offer[]) => readonly string[]): void {
  if (found.kind === "files") output.line(":files");
  else if (found.kind === "command") output.line(command);
  else for (const line of linesFor(found.offers.filter(isTypeable))) output.raw(line);
}

/** A name with invisible characters, which others chose, is not offered for typing. */
function isTypeable({ value }: Offer): boolean {
  return printable(value) === value;
}

function answer(words: readonly string[], table: CommandTable): Promise<Answer> {
  return answerFor(words, table, lookUpSafely);
}

/** The profile may be broken and the cluster too far for `cliLimits.completionMs`: then there is nothing to offer. */
const lookUpSafely: Lookup = async (kind, typed, line) => {
  try {
    const { lookUp } = await import("#cli/completion/lookup.ts");
    return await lookUp(kind, typed, line);
  } catch {
    return [];
  }
};
