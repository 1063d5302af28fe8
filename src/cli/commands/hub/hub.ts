/** `kt hub`: the background hub, which `kt up` starts; it ends by itself after its last profile. */

import type { Log } from "#base/log.ts";
import type { CommandContext } from "#cli/command.ts";
import { diagnosisOf } from "#cli/hub/diagnosis.ts";
import { exitCodes } from "#cli/exit.ts";
import { stateDirectory, surroundings } from "#control/socket-path.ts";
import { Hub } from "#daemon/hub.ts";
import { LogFile } from "#daemon/process/log-file.ts";
import { formatLogLine } from "#daemon/process/log-line.ts";
import { wiredAddresses } from "#host/names/dns-wiring.ts";
import { originalIn } from "#host/names/hosts-original.ts";
import { namesSocket } from "#host/names/names-socket.ts";
import { ownAuthority } from "#daemon/own-authority.ts";
import { realProviders } from "#daemon/providers.ts";
import { runUntilEnd } from "#daemon/run-hub.ts";
import { ensureRuntimeDirectory } from "#daemon/process/runtime-dir.ts";

/** Exit code 0 also where another hub has the place: the command that started this one will find it. */
export async function hub({ build, output }: CommandContext): Promise<number> {
  const at = surroundings();
  const state = stateDirectory(at);
  const authority = ownAuthority(at);
  const file = new LogFile(state);
  const directory = await ensureRuntimeDirectory(at);
  const log: Log = (level, event, fields) => {
    if (level !== "debug") file.write(formatLogLine(output.logFormat, Date.now(), level, event, fields));
  };
  const namesHelper = { socket: namesSocket(at.uid), original: originalIn(at.home) };
  const running = await Hub.start({
    ...build,
    directory,
    stateDirectory: state,
    lingers: true,
    providers: realProviders(),
    namesHelper,
    authority: () => authority.current(),
    wiring: () => wiredAddresses(at.uid),
    diagnose: (file, environment) => diagnosisOf({ file, directory: at.home, environment }, build),
    log,
  });
  if (running) await runUntilEnd(running, { ignoreHangup: true, log });
  await file.flushed();
  return exitCodes.done;
}
