/** `kt init`: writes a commented tunnels.toml for the kubeconfig's current context. */

import { file, write } from "bun";
import { systemClock } from "#base/clock.ts";
import { KtError, toKtError } from "#base/errors.ts";
import { silentLog } from "#base/log.ts";
import type { CommandContext } from "#cli/command.ts";
import { exitCodes } from "#cli/exit.ts";
import { absolutePath, shellEnvironment } from "#cli/profile-file.ts";
import { surroundings } from "#control/socket-path.ts";
import { realRooms } from "#daemon/rooms.ts";
import { loadPlan } from "#profile/load.ts";
import { profileTemplate } from "#profile/template.ts";

export async function init({ options, output }: CommandContext): Promise<number> {
  const path = absolutePath(options.text("file") ?? "tunnels.toml");
  if (await file(path).exists()) {
    throw new KtError("profile-exists", `"${path}" exists already`, { hints: ["kt check", "kt up"] });
  }
  const current = await currentContext(path).catch((error: unknown) => {
    const { message, hints } = toKtError(error, "kubeconfig-unreadable", "read the kubeconfig");
    output.warning(`${message}; write the context yourself`);
    output.hints(hints);
    return undefined;
  });
  await write(path, profileTemplate(current ?? {}));
  output.note(`wrote ${path}${current === undefined ? "" : ` for context "${current.context}"`}`);
  output.hints(["kt up"]);
  return exitCodes.done;
}

interface Current {
  readonly context: string;
  readonly namespace: string;
}

async function currentContext(path: string): Promise<Current> {
  const environment = shellEnvironment();
  // An empty profile at that place tells which kubeconfig files count.
  const readText = async (asked: string): Promise<string | undefined> => (asked === path ? "" : undefined);
  const { plan } = await loadPlan({ file: path, environment, home: surroundings().home, readText });
  const rooms = realRooms();
  await rooms.prepare();
  const cluster = rooms.openCluster({
    kubeconfig: plan.kubeconfig,
    context: undefined,
    environment,
    clock: systemClock,
    log: silentLog,
    onReachable() {},
  });
  const { context, namespace } = cluster;
  cluster.close();
  return { context, namespace };
}
