/** `kt completion`: the script that completes kt's command line in a shell. */

import { KtError } from "#base/errors.ts";
import { command } from "#base/shell.ts";
import type { CommandContext } from "#cli/command.ts";
import { completionScripts, isCompletionShell } from "#cli/completion/scripts.ts";
import { exitCodes } from "#cli/exit.ts";

export async function completion({ args, output }: CommandContext): Promise<number> {
  const [shell = ""] = args;
  if (!isCompletionShell(shell)) {
    const hints = Object.keys(completionScripts).map((name) => command`kt completion ${name}`);
    throw new KtError("usage", `kt has no completions for "${shell}"`, { hints });
  }
  output.raw(completionScripts[shell].trimEnd());
  return exitCodes.done;
}
