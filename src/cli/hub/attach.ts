/** Attaches a profile to the hub, starting one where none runs, and again where one died. */

import { isAbout } from "#base/error-facts.ts";
import { KtError, toKtError } from "#base/errors.ts";
import { sharedLimits } from "#base/limits.ts";
import { command } from "#base/shell.ts";
import type { HubClient } from "#control/client.ts";
import { stateDirectory, surroundings } from "#control/socket-path.ts";
import { logFilePath } from "#daemon/process/log-file.ts";
import { findOrStartHub } from "#daemon/process/find-hub.ts";
import { attachRemembered } from "#daemon/plans/remembered.ts";
import type { CommandContext } from "#cli/command.ts";
import type { Output } from "#cli/screen/output.ts";
import { shellEnvironment } from "#cli/profile/profile-file.ts";

export interface Attached {
  /** The lease: the profile stays attached as long as it is open. */
  readonly client: HubClient;
  readonly profile: string;
}

type Surface = Pick<CommandContext, "build" | "output">;

const isEnded = ({ code }: KtError): boolean => code === "hub-unreachable" || code === "shutting-down";

/** A hub that was just ending is replaced by a new one; that happens once at most. */
export async function attach({ build, output }: Surface, file: string, pin: boolean): Promise<Attached> {
  for (let isSecond = false; ; isSecond = true) {
    const { client, left } = await findOrStartHub(surroundings(), build);
    try {
      await restore(
        client,
        left.filter((path) => path !== file),
        output,
      );
      const { profile } = await client.ask({ type: "attach", file, environment: shellEnvironment(), pin }, "attached");
      return { client, profile };
    } catch (error) {
      client.close();
      if (isSecond || !(error instanceof KtError) || !isEnded(error)) throw error;
    }
  }
}

/** A hub that was killed had profiles that should stay: the new hub attaches them again, and kt says so. */
export async function restore(client: HubClient, files: readonly string[], output: Output): Promise<void> {
  if (files.length === 0) return;
  const { names, problems } = await attachRemembered(client, files, shellEnvironment());
  if (names.length > 0) output.progress(`the last hub was killed; attached again what it had: ${names.join(", ")}`);
  for (const { file, error } of problems) output.warning(`"${file}" was attached to the last hub, and is not now: ${error.message}`);
}

/** Tries until it works: the profile was attached, and should be again. */
export async function attachAgain({ build, output }: Surface, file: string): Promise<HubClient> {
  let said = "";
  for (let pauseMs: number = sharedLimits.backoffMinMs; ; pauseMs = Math.min(pauseMs * 2, sharedLimits.backoffMaxMs)) {
    await new Promise((resolve) => setTimeout(resolve, pauseMs));
    try {
      return (await attach({ build, output }, file, false)).client;
    } catch (error) {
      const shown = toKtError(error, "hub-failed", "attach again");
      if (shown.message !== said) output.error(shown);
      said = shown.message;
    }
  }
}

export function warnHubDied(output: Output): void {
  output.warning("the hub died; starting a new one");
  output.hints([command`tail ${logFilePath(stateDirectory(surroundings()))}`]);
}

/** Of a profile's problems the hub names the first; all of them are for `check` to tell. Other errors are thrown on. */
export async function showAttachError(error: unknown, file: string, output: Output): Promise<number> {
  if (!(error instanceof KtError) || !isAbout(error.code, "profile")) throw error;
  const { showProblems } = await import("#cli/commands/profile/check.ts");
  return await showProblems(file, output, error);
}
