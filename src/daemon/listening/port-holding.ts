/** Who holds a port, in words for people, and how it is freed: a kt that holds it is never to be killed. */

import { daemonLimits } from "#daemon/limits.ts";
import { formatHostPort } from "#base/hostname.ts";
import { command, shellQuoted } from "#base/shell.ts";
import type { ProfileStatus } from "#control/api.ts";
import { HubClient } from "#control/client.ts";
import { runtimeDirectory, runtimeParents, socketPath, surroundings, type Surroundings } from "#control/socket-path.ts";
import { type Place, type PortHolder, portHolder } from "#native/port-holder.ts";

export interface Holding {
  /** `"nginx" (pid 7)` */
  readonly who: string;
  /** Commands that free the port, the most useful first; none where the user may not run any. */
  readonly fixes: readonly string[];
}

/** Undefined where the port is free, or held by a user that the system does not name. */
export async function portHolding(place: Place): Promise<Holding | undefined> {
  const holder = await portHolder(place);
  return holder && (await holdingOf(holder, place));
}

/** `at` is where this kt looks for its own hub. */
export async function holdingOf(holder: PortHolder, place: Place, at: Surroundings = surroundings()): Promise<Holding> {
  const words = wordsOfKt(holder.argv);
  if (words === undefined)
    return { who: `"${holder.command}" (pid ${holder.pid})`, fixes: mayEnd(holder) ? [command`kill ${holder.pid}`] : [] };
  if (words.includes("hub") || words.includes("serve")) return await holdingOfHub(holder, place, at);
  const who = `"${["kt", ...words].join(" ")}" (pid ${holder.pid})`;
  return { who, fixes: holder.isOwn ? ["press Ctrl-C where that runs"] : [] };
}

/** What stands behind `kt` where the process is one, also from source; undefined for other programs. */
function wordsOfKt([program = "", ...words]: readonly string[]): readonly string[] | undefined {
  const isBinary = /(^|\/)kt(-(linux|darwin)-[^/]*)?$/.test(program);
  if (isBinary) return words;
  return words[0]?.endsWith("/src/main.ts") === true ? words.slice(1) : undefined;
}

/** What a session hangs on: to end one of these ends more than a listener. */
const sessionPrograms = /^-?(sh|bash|zsh|fish|dash|ksh|tcsh|csh|nu|pwsh|login|su|sudo|tmux.*|screen|sshd.*|init|systemd.*|launchd)$/;

function mayEnd({ pid, command: program, isOwn }: PortHolder): boolean {
  return isOwn && pid > 1 && pid !== process.pid && !sessionPrograms.test(program);
}

async function holdingOfHub(holder: PortHolder, place: Place, at: Surroundings): Promise<Holding> {
  const hub = `kt hub (pid ${holder.pid})`;
  if (!holder.isOwn) return { who: `another user's ${hub}`, fixes: [] };
  if (holder.pid === process.pid) return { who: "this hub itself", fixes: [] };
  const theirs: Surroundings = { ...at, home: holder.environment["HOME"] ?? at.home, environment: holder.environment };
  const prefix = isSamePlace(theirs, at) ? "" : environmentPrefix(holder.environment);
  const profiles = await profilesOf(holder.pid, theirs);
  const profile = profiles?.find(({ listeners }) => listeners.some((each) => each.open && each.address === formatHostPort(place)));
  if (profile === undefined) return { who: prefix === "" ? `your ${hub}` : `another ${hub}`, fixes: [`${prefix}kt down --all`] };
  const { name, profile: file } = profile;
  const where = prefix === "" ? "" : `, which another ${hub} serves`;
  return { who: `profile "${name}" (${file})${where}`, fixes: [`${prefix}${command`kt down -f ${file}`}`] };
}

function isSamePlace(theirs: Surroundings, ours: Surroundings): boolean {
  return runtimeParents(theirs)[0] === runtimeParents(ours)[0];
}

/** What makes `kt` find a hub that is elsewhere. */
function environmentPrefix({ XDG_RUNTIME_DIR: runtime, TMPDIR: temporary }: PortHolder["environment"]): string {
  if (runtime !== undefined) return `XDG_RUNTIME_DIR=${shellQuoted(runtime)} `;
  return temporary === undefined ? "env -u XDG_RUNTIME_DIR " : `env -u XDG_RUNTIME_DIR TMPDIR=${shellQuoted(temporary)} `;
}

/** Undefined where it does not answer, as an older or a stopped one. */
async function profilesOf(pid: number, theirs: Surroundings): Promise<readonly ProfileStatus[] | undefined> {
  for (const parent of runtimeParents(theirs)) {
    try {
      const client = await HubClient.connect(socketPath(runtimeDirectory(parent, theirs)), daemonLimits.holderAskMs);
      const isIt = client.hello.pid === pid;
      const snapshot = isIt ? await client.snapshot() : undefined;
      client.close();
      if (snapshot) return snapshot.profiles;
    } catch {
      // The next place.
    }
  }
  return undefined;
}
