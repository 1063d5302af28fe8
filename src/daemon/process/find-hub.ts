/** Connects to the user's hub, starting one where none runs. */

import type { Subprocess } from "bun";
import type { Snapshot } from "#control/api.ts";
import { HubClient } from "#control/client.ts";
import { socketPath, stateDirectory, type Surroundings } from "#control/socket-path.ts";
import { systemClock } from "#base/clock.ts";
import { KtError } from "#base/errors.ts";
import { controlLimits } from "#control/limits.ts";
import { daemonLimits } from "#daemon/limits.ts";
import { command } from "#base/shell.ts";
import { logFilePath } from "./log-file.ts";
import { forgetRemembered, readRemembered } from "#daemon/plans/remembered.ts";
import { ensureRuntimeDirectory } from "./runtime-dir.ts";
import { spawnHub } from "./spawn-hub.ts";

/** Which kt this is; a hub of another one is asked to make way. */
export interface Build {
  readonly version: string;
  readonly commit: string;
}

/** Rejects with KtError `hub-unreachable` where no hub runs. */
export async function findHub(at: Surroundings, versions: "own" | "any" = "own"): Promise<HubClient> {
  return await HubClient.connect(socketPath(await ensureRuntimeDirectory(at)), controlLimits.hubGreetMs, versions);
}

export interface FoundHub {
  readonly client: HubClient;
  /** Profiles that were attached to stay in a hub that was killed, where this one is new. */
  readonly left: readonly string[];
}

/** Rejects with KtError `hub-failed` when no hub of this build can be had. */
export async function findOrStartHub(at: Surroundings, build: Build): Promise<FoundHub> {
  const directory = await ensureRuntimeDirectory(at);
  const path = socketPath(directory);
  const running = await tryConnect(path);
  if (running === undefined) {
    const left = await readRemembered(directory);
    return { client: await startHub(at, path), left };
  }
  if (running.hello.version === build.version && running.hello.commit === build.commit) return { client: running, left: [] };
  await makeWay(running, build);
  return { client: await startHub(at, path), left: [] };
}

/** For `kt down` where no hub runs: what a killed one had is not to come back. Without a profile, all of it. */
export async function forgetKilled(at: Surroundings, profile: string | undefined): Promise<string[]> {
  return await forgetRemembered(await ensureRuntimeDirectory(at), profile);
}

/** What a killed hub had attached to stay; the next one gets it again. */
export async function leftByKilled(at: Surroundings): Promise<string[]> {
  return await readRemembered(await ensureRuntimeDirectory(at));
}

/** What the hub has; undefined where none runs. */
export async function findSnapshot(at: Surroundings, greetMs: number = controlLimits.hubGreetMs): Promise<Snapshot | undefined> {
  try {
    const client = await HubClient.connect(socketPath(await ensureRuntimeDirectory(at)), greetMs);
    const snapshot = await client.snapshot();
    client.close();
    return snapshot;
  } catch (error) {
    if (error instanceof KtError && error.code === "hub-unreachable") return undefined;
    throw error;
  }
}

async function tryConnect(path: string): Promise<HubClient | undefined> {
  try {
    return await HubClient.connect(path);
  } catch (error) {
    if (error instanceof KtError && error.code === "hub-unreachable") return undefined;
    throw error;
  }
}

/** Ends a hub that has no profiles and is only lingering; one that has some refuses. Resolves when it has gone. */
export async function endUnusedHub(at: Surroundings): Promise<void> {
  const running = await tryConnect(socketPath(await ensureRuntimeDirectory(at)));
  if (running === undefined) return;
  try {
    await running.stream({ type: "stop" }, () => {});
  } catch {
    running.close();
    throw new KtError("hub-failed", "another hub of yours is running, with profiles attached", { hints: ["kt down --all", "kt status"] });
  }
  await running.closed;
}

async function makeWay(running: HubClient, build: Build): Promise<void> {
  const { version, commit } = running.hello;
  try {
    await running.stream({ type: "stop" }, () => {});
  } catch (error) {
    running.close();
    const others = `the running hub is kt ${version} (${commit}), this is kt ${build.version} (${build.commit})`;
    throw new KtError("hub-failed", `${others}; it has profiles attached`, { hints: ["kt down --all"], cause: error });
  }
  await running.closed;
}

/** Pause between looks at a hub that is starting. */
const lookMs = 5;
/** The old hub may still hold the lock: a new one that found it taken has ended, and the next is tried after this. */
const respawnMs = 100;
/** A hub that lost the race ends as soon as it has started. */
const loserMs = 1000;

async function startHub(at: Surroundings, path: string): Promise<HubClient> {
  const deadline = systemClock.now() + daemonLimits.hubStartMs;
  let child = await spawnHub(at);
  while (systemClock.now() < deadline) {
    const client = await tryConnect(path);
    if (client) {
      // Another hub was faster: ours finds the lock taken and ends, which is waited for so that one process is left.
      if (client.hello.pid !== child.pid) await Promise.race([child.exited, pause(loserMs)]);
      return client;
    }
    if (child.exitCode === null && child.signalCode === null) {
      await pause(lookMs);
      continue;
    }
    if (child.exitCode !== 0) throw startFailed(at, child);
    await pause(respawnMs);
    child = await spawnHub(at);
  }
  throw new KtError("hub-failed", `the hub did not start within ${daemonLimits.hubStartMs / 1000} s`, {
    hints: [command`less ${logFilePath(stateDirectory(at))}`],
  });
}

/** Unlike a timer of the hub's, this one keeps the process alive. */
function pause(delayMs: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, delayMs));
}

function startFailed(at: Surroundings, { exitCode, signalCode }: Subprocess): KtError {
  const how = signalCode === null ? `with exit code ${exitCode}` : `by ${signalCode}`;
  return new KtError("hub-failed", `the hub ended ${how} while starting`, { hints: [command`tail ${logFilePath(stateDirectory(at))}`] });
}
