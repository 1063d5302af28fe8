/** `kt open`: the URL of a route in the browser. */

import { KtError } from "#base/errors.ts";
import { command } from "#base/shell.ts";
import { findAsked } from "#cli/asked/asked-route.ts";
import { attach } from "#cli/hub/attach.ts";
import { isAttached } from "#cli/hub/attached.ts";
import type { CommandContext } from "#cli/command.ts";
import { exitCodes } from "#cli/exit.ts";
import { noBrowser } from "#cli/hub/no-browser.ts";
import type { Output } from "#cli/screen/output.ts";
import { fileWords, shellEnvironment } from "#cli/profile/profile-file.ts";
import { httpUrl, portAddress, unknownRoute } from "#cli/profile/route-urls.ts";
import { urlOfTarget } from "#cli/profile/target-urls.ts";
import { openInBrowser } from "#native/browser.ts";
import type { Plan } from "#profile/values/plan.ts";

export async function open({ args, options, output, build }: CommandContext): Promise<number> {
  const [route = ""] = args;
  const { plan, isTarget, isAdHoc } = await findAsked(route, options);
  const url = pageOf(plan, route, isTarget);
  output.line(url);
  if (isAdHoc) await attachFor(plan, { build, output });
  else await warnUnattached(plan, output);
  if ((await openInBrowser(url, shellEnvironment())) === undefined) throw noBrowser();
  return exitCodes.done;
}

/** The page needs it, and there is no profile to say so in. */
async function attachFor(plan: Plan, surface: Pick<CommandContext, "build" | "output">): Promise<void> {
  if (await isAttached(plan)) return;
  const { client } = await attach(surface, plan.profile, true);
  client.close();
  surface.output.note(command`attached namespace ${plan.name} until kt down ${plan.name}`);
}

function pageOf(plan: Plan, route: string, isTarget: boolean): string {
  const url = isTarget ? urlOfTarget(plan, route) : httpUrl(plan, route);
  if (url?.includes("://") === true) return url;
  const address = url ?? portAddress(plan, route);
  if (address === undefined) throw unknownRoute(plan, route, "kt open");
  throw new KtError("usage", `"${route}" is a TCP route: there is no page at ${address}`, { hints: [command`kt url ${route}`] });
}

/** The page would only say that the hub has no such route. */
async function warnUnattached(plan: Plan, output: Output): Promise<void> {
  if (await isAttached(plan)) return;
  output.warning(`profile "${plan.name}" is not attached`);
  output.hints([command`kt up ${fileWords(plan.profile)}`]);
}
