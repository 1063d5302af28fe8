/** `kt tui`: everything that is attached, full screen; where nothing is, the profile of this folder. */

import { KtError } from "#base/errors.ts";
import type { CommandContext } from "#cli/command.ts";
import { attachAndShow, checkTerminal, type Shown, showFullScreen } from "#cli/hub/full-screen-view.ts";
import { profileFile } from "#cli/profile/profile-file.ts";
import { surroundings } from "#control/socket-path.ts";
import { findHub } from "#daemon/process/find-hub.ts";

export async function tui(context: CommandContext): Promise<number> {
  checkTerminal(context, "kt status");
  const used = context.options.text("file") === undefined ? await hubInUse() : undefined;
  return used
    ? await showFullScreen(context, { ...used, leased: undefined })
    : await attachAndShow(context, await profileFile(context.options));
}

/** Undefined where no profile is attached. */
async function hubInUse(): Promise<Pick<Shown, "client" | "snapshot"> | undefined> {
  const client = await findHub(surroundings()).catch(unlessUnreachable);
  if (client === undefined) return undefined;
  const snapshot = await client.snapshot();
  if (snapshot.profiles.length > 0) return { client, snapshot };
  client.close();
  return undefined;
}

function unlessUnreachable(error: unknown): undefined {
  if (!(error instanceof KtError) || error.code !== "hub-unreachable") throw error;
}
