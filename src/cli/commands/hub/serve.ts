/** `kt serve`: the hub in the foreground with pinned profiles, for systemd, launchd and containers. */

import { KtError, messageOf } from "#base/errors.ts";
import type { CommandContext } from "#cli/command.ts";
import { withConsent } from "#cli/profile/consent.ts";
import { diagnosisOf } from "#cli/hub/diagnosis.ts";
import { exitCodes } from "#cli/exit.ts";
import { namedFile, profileFile, shellEnvironment } from "#cli/profile/profile-file.ts";
import { stateDirectory, surroundings } from "#control/socket-path.ts";
import { endUnusedHub } from "#daemon/process/find-hub.ts";
import { Hub, type HubOptions } from "#daemon/hub.ts";
import { wiredAddresses } from "#host/names/dns-wiring.ts";
import { originalIn } from "#host/names/hosts-original.ts";
import { namesSocket } from "#host/names/names-socket.ts";
import { ownAuthority } from "#daemon/own-authority.ts";
import { realProviders } from "#daemon/providers.ts";
import { parseListen } from "#profile/values/listen.ts";
import type { ListenAddress } from "#profile/values/plan.ts";
import { runUntilEnd } from "#daemon/run-hub.ts";
import { ensureRuntimeDirectory } from "#daemon/process/runtime-dir.ts";

export async function serve({ args, options, output, build }: CommandContext): Promise<number> {
  const given = await Promise.all([...options.texts("file"), ...args].map(namedFile));
  const files = given.length > 0 ? given : [await profileFile(options)];
  const scrapers = metricsAddresses(options.text("metrics"));
  const at = surroundings();
  const directory = await ensureRuntimeDirectory(at);
  const authority = ownAuthority(at);
  const log = output.log.bind(output);
  const hub = await startAlone({
    ...build,
    directory,
    stateDirectory: stateDirectory(at),
    lingers: false,
    providers: realProviders(),
    namesHelper: { socket: namesSocket(at.uid), original: originalIn(at.home) },
    authority: () => authority.current(),
    wiring: () => wiredAddresses(at.uid),
    diagnose: (file, environment) => diagnosisOf({ file, directory: at.home, environment }, build),
    log,
    logsRequests: output.verbose,
  });
  try {
    for (const address of scrapers) hub.listenForScrapers(address);
    for (const file of files) await withConsent(file, output, () => hub.pin({ file, environment: shellEnvironment() }));
  } catch (error) {
    await hub.stop(0);
    throw error;
  }
  await runUntilEnd(hub, { ignoreHangup: false, log });
  return exitCodes.done;
}

/** Of --metrics. Throws KtError `usage`. */
function metricsAddresses(text: string | undefined): readonly ListenAddress[] {
  if (text === undefined) return [];
  try {
    return parseListen(text);
  } catch (error) {
    throw new KtError("usage", `--metrics: ${messageOf(error)}`, { hints: ["--metrics 0.0.0.0:9464", "--metrics 127.0.0.1:9464"] });
  }
}

/** A hub that ends lets go of its lock a moment after its socket. */
const tries = 20;
const pauseMs = 50;

async function startAlone(options: HubOptions): Promise<Hub> {
  for (let left = tries; left > 0; left--) {
    const hub = await Hub.start(options);
    if (hub) return hub;
    await endUnusedHub(surroundings());
    await new Promise((resolve) => setTimeout(resolve, pauseMs));
  }
  throw new KtError("hub-failed", "another hub of yours is starting or ending", { hints: ["kt status"] });
}
