/** `kt dashboard`: the hub's own page in the browser, signed in. */

import { KtError } from "#base/errors.ts";
import type { CommandContext } from "#cli/command.ts";
import { exitCodes } from "#cli/exit.ts";
import { noBrowser } from "#cli/hub/no-browser.ts";
import { shellEnvironment } from "#cli/profile/profile-file.ts";
import { surroundings } from "#control/socket-path.ts";
import { findHub } from "#daemon/process/find-hub.ts";
import { openInBrowser } from "#native/browser.ts";
import { hubHost } from "#route/target.ts";

export async function dashboard({ options, output }: CommandContext): Promise<number> {
  const client = await findHub(surroundings());
  const { code, port } = await client.ask({ type: "sign-in" }, "code");
  client.close();
  if (port === undefined) throw noFrontDoor();
  const page = `http://${hubHost}:${port}/`;
  const signIn = `${page}sign-in?code=${code}`;
  if (options.flag("url")) {
    output.line(signIn);
    return exitCodes.done;
  }
  output.line(page);
  if ((await openInBrowser(signIn, shellEnvironment())) === undefined) throw noBrowser();
  return exitCodes.done;
}

function noFrontDoor(): KtError {
  return new KtError("listen-failed", "the dashboard is behind the address of [http], and none is open", { hints: ["kt status", "kt up"] });
}
