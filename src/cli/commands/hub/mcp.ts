/** `kt mcp`: kt's tools for an agent that started it, over standard input and output. */

import type { CommandContext } from "#cli/command.ts";
import { exitCodes } from "#cli/exit.ts";
import { McpSession } from "#cli/hub/mcp-session.ts";

export async function mcp(context: CommandContext): Promise<number> {
  const { serveStreams } = await import("#mcp/serve-streams.ts");
  const session = new McpSession(context);
  const signalled = new Promise<void>((resolve) => {
    for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) process.once(signal, () => resolve());
  });
  const streams = { input: process.stdin, output: process.stdout };
  await Promise.race([serveStreams(session, { readOnly: context.options.flag("readOnly") }, streams), signalled]);
  await session.close();
  return exitCodes.done;
}
