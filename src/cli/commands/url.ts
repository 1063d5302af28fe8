/** `kt url`: the URL of a route, or host:port of a TCP route. */

import type { CommandContext } from "#cli/command.ts";
import { exitCodes } from "#cli/exit.ts";
import { loadHere } from "#cli/local-plan.ts";
import { profileFile } from "#cli/profile-file.ts";
import { httpUrl, tcpAddress, unknownRoute } from "#cli/route-urls.ts";

export async function url({ args, options, output }: CommandContext): Promise<number> {
  const [route = ""] = args;
  const { plan } = await loadHere(await profileFile(options));
  const found = tcpAddress(plan, route) ?? httpUrl(plan, route);
  if (found === undefined) throw unknownRoute(plan, route, "kt url");
  if (options.flag("json")) output.json({ route, url: found });
  else output.line(found);
  return exitCodes.done;
}
