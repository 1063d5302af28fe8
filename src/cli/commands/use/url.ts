/** `kt url`: the URL of a route, or host:port of a TCP route. */

import { command } from "#base/shell.ts";
import type { CommandContext } from "#cli/command.ts";
import { exitCodes } from "#cli/exit.ts";
import { findAsked } from "#cli/asked/asked-route.ts";
import { isAttached } from "#cli/hub/attached.ts";
import { httpUrl, portAddress, unknownRoute } from "#cli/profile/route-urls.ts";
import { urlOfTarget } from "#cli/profile/target-urls.ts";

export async function url({ args, options, output }: CommandContext): Promise<number> {
  const [route = ""] = args;
  const { plan, isTarget, isAdHoc } = await findAsked(route, options);
  const found = isTarget ? urlOfTarget(plan, route) : (portAddress(plan, route) ?? httpUrl(plan, route));
  if (found === undefined) throw unknownRoute(plan, route, "kt url");
  if (options.flag("json")) output.json({ route, url: found });
  else output.line(found);
  if (isAdHoc && !(await isAttached(plan))) {
    output.warning(`namespace "${plan.name}" is not attached`);
    output.hints([command`kt up -d -n ${plan.name}`]);
  }
  return exitCodes.done;
}
