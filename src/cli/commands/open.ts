/** `kt open`: the URL of a route in the browser. */

import { KtError } from "#base/errors.ts";
import { command } from "#base/shell.ts";
import type { CommandContext } from "#cli/command.ts";
import { exitCodes } from "#cli/exit.ts";
import { loadHere } from "#cli/local-plan.ts";
import type { Output } from "#cli/output.ts";
import { profileFile, shellEnvironment } from "#cli/profile-file.ts";
import { httpUrl, tcpAddress, unknownRoute } from "#cli/route-urls.ts";
import { surroundings } from "#control/socket-path.ts";
import { findHub } from "#daemon/find-hub.ts";
import { openInBrowser } from "#native/browser.ts";
import type { Plan } from "#profile/plan.ts";

export async function open({ args, options, output }: CommandContext): Promise<number> {
  const [route = ""] = args;
  const { plan } = await loadHere(await profileFile(options));
  const url = pageOf(plan, route);
  output.line(url);
  await warnUnattached(plan, output);
  if ((await openInBrowser(url, shellEnvironment())) === undefined) {
    throw new KtError("browser-missing", "there is no program that opens the browser", {
      hints: ["export BROWSER=firefox"],
    });
  }
  return exitCodes.done;
}

function pageOf(plan: Plan, route: string): string {
  const url = httpUrl(plan, route);
  if (url !== undefined) return url;
  const address = tcpAddress(plan, route);
  if (address === undefined) throw unknownRoute(plan, route, "kt open");
  throw new KtError("usage", `"${route}" is a TCP route: at ${address} is no page`, { hints: [command`kt url ${route}`] });
}

/** The page would only say that nobody is there. */
async function warnUnattached({ profile, name }: Plan, output: Output): Promise<void> {
  const profiles = await findHub(surroundings())
    .then(async (client) => {
      const { snapshot } = await client.ask({ type: "snapshot" }, "snapshot");
      client.close();
      return snapshot.profiles;
    })
    .catch(() => []);
  if (profiles.some((each) => each.profile === profile)) return;
  output.warning(`profile "${name}" is not attached`);
  output.hints(["kt up"]);
}
