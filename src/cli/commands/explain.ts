/** `kt explain`: why a name or port goes where it goes, asked of the hub, or worked out here where it has no such profile. */

import { systemClock } from "#base/clock.ts";
import { KtError } from "#base/errors.ts";
import { silentLog } from "#base/log.ts";
import type { CommandContext } from "#cli/command.ts";
import { exitCodeFor, exitCodes } from "#cli/exit.ts";
import { loadHere } from "#cli/local-plan.ts";
import type { Output } from "#cli/output.ts";
import { dim, green, red, tableLines } from "#cli/text.ts";
import { profileFile, shellEnvironment } from "#cli/profile-file.ts";
import type { Step } from "#control/api.ts";
import { surroundings } from "#control/socket-path.ts";
import { Clusters } from "#daemon/clusters.ts";
import { explain } from "#daemon/explain.ts";
import { findHub } from "#daemon/find-hub.ts";
import { wantedBy } from "#daemon/reconcile.ts";
import { realRooms } from "#daemon/rooms.ts";

export async function explainCommand({ args, options, output }: CommandContext): Promise<number> {
  const [subject = ""] = args;
  const file = await ownFile(options);
  const steps = (await askHub(subject, file)) ?? (await explainHere(subject, file ?? (await profileFile(options))));
  if (options.flag("json")) output.json(steps);
  else showSteps(steps, output);
  const stop = steps.find(({ outcome }) => outcome === "stop");
  return stop === undefined ? exitCodes.done : exitCodeFor(stop.code ?? "route-unknown");
}

/** Undefined where there is no profile here: then the hub's profiles are meant. */
async function ownFile(options: CommandContext["options"]): Promise<string | undefined> {
  try {
    return await profileFile(options);
  } catch (error) {
    if (error instanceof KtError && error.code === "profile-not-found") return undefined;
    throw error;
  }
}

/** Undefined where no hub runs or it does not have the profile. */
async function askHub(subject: string, file: string | undefined): Promise<readonly Step[] | undefined> {
  try {
    const client = await findHub(surroundings());
    const { snapshot } = await client.ask({ type: "snapshot" }, "snapshot");
    const has = snapshot.profiles.some(({ profile }) => file === undefined || profile === file);
    const steps = has ? (await client.ask({ type: "explain", subject }, "steps")).steps : undefined;
    client.close();
    return steps;
  } catch (error) {
    if (error instanceof KtError && error.code === "hub-unreachable") return undefined;
    throw error;
  }
}

async function explainHere(subject: string, file: string): Promise<readonly Step[]> {
  const { plan } = await loadHere(file);
  const rooms = realRooms();
  await rooms.prepare();
  const clusters = new Clusters({
    open: rooms.openCluster,
    viewOf: () => ({ kubeconfig: plan.kubeconfig, environment: shellEnvironment() }),
    clock: systemClock,
    log: silentLog,
    report() {},
  });
  try {
    const clusterFor = clusters.for.bind(clusters);
    return await explain(subject, { wanted: wantedBy([plan]), clusterFor, podOf: () => undefined, clock: systemClock });
  } finally {
    clusters.close();
  }
}

function showSteps(steps: readonly Step[], output: Output): void {
  const marks = { match: green("✓"), miss: dim("·"), stop: red("✗"), info: " " };
  output.lines(tableLines(steps.map(({ step, verdict, outcome }) => [[marks[outcome], " ", dim(step)], verdict])));
}
