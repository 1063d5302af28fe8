/** `kt logs`: the hub's latest events, and with `-f` those to come. */

import { file } from "bun";
import { KtError } from "#base/errors.ts";
import { cliLimits } from "#cli/limits.ts";
import { nearest } from "#base/nearest.ts";
import { command } from "#base/shell.ts";
import type { CommandContext } from "#cli/command.ts";
import { exitCodes } from "#cli/exit.ts";
import type { Output } from "#cli/screen/output.ts";
import { parseSince } from "#cli/asked/since.ts";
import { logLine } from "#cli/screen/log-lines.ts";
import type { LogEntry } from "#control/api.ts";
import type { HubClient } from "#control/client.ts";
import { stateDirectory, type Surroundings, surroundings } from "#control/socket-path.ts";
import { findHub } from "#daemon/process/find-hub.ts";
import { logFilePath } from "#daemon/process/log-file.ts";

export async function logs({ args, options, output }: CommandContext): Promise<number> {
  const [route] = args;
  const follow = options.flag("follow");
  const since = options.text("since");
  const sinceMs = since === undefined ? undefined : parseSince(since, Date.now());
  const client = await findLogs(surroundings());
  if (route !== undefined) await checkRoute(client, route);
  const interrupted = new Promise<number>((resolve) => process.once("SIGINT", () => resolve(exitCodes.interrupted)));
  // Single connections are worth telling to who asks about one route, or for JSON, or for more.
  const all = route !== undefined || output.verbose || options.flag("json");
  const asJson = options.flag("json") || output.logFormat === "json";
  let leftOut = 0;
  const streamed = client.stream({ type: "logs", follow, route, sinceMs, requests: all }, (reply) => {
    if (reply.type !== "entry" || (!all && reply.entry.level === "debug")) return;
    if (follow && output.waitingBytes > cliLimits.followWaitingBytes) {
      leftOut++;
      return;
    }
    if (leftOut > 0) output.warning(`${leftOut} lines were left out: the reader was too slow`);
    leftOut = 0;
    showEntry(reply.entry, asJson, output);
  });
  const code = await Promise.race([streamed.then(() => exitCodes.done), interrupted]);
  client.close();
  return code;
}

/** The events of a hub that has died are in its log file. */
async function findLogs(at: Surroundings): Promise<HubClient> {
  try {
    return await findHub(at);
  } catch (error) {
    const path = logFilePath(stateDirectory(at));
    if (!(error instanceof KtError) || error.code !== "hub-unreachable" || !(await file(path).exists())) throw error;
    throw new KtError(error.code, `${error.message}; what the last one wrote is in "${path}"`, {
      hints: [command`tail ${path}`, ...error.hints],
      cause: error,
    });
  }
}

/** A mistyped name would look like a route that nothing happened to. Names under a suffix or pattern are not listed. */
async function checkRoute(client: HubClient, route: string): Promise<void> {
  const snapshot = await client.snapshot();
  const names = snapshot.profiles.flatMap(({ routes }) => routes.map(({ name }) => name));
  if (names.includes(route) || route.includes(".")) return;
  const near = nearest(route, names);
  throw new KtError("route-unknown", `no attached profile has a route "${route}"`, {
    hints: [near === undefined ? "kt status" : command`kt logs ${near}`],
  });
}

function showEntry({ atMs, level, route, text, event }: LogEntry, asJson: boolean, output: Output): void {
  // The path of a request may say who the user is, and logs are passed on.
  if (asJson) output.jsonLine({ at: new Date(atMs).toISOString(), level, text, ...event, path: undefined });
  else output.lines([logLine(atMs, level, event.type, { route, text })]);
}
